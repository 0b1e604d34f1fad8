/* machine.h - what the machine, the cgroup and the limits of the process allow.
 *
 * Thread: at start; any.
 */
#ifndef FOLIO_PLATFORM_MACHINE_H
#define FOLIO_PLATFORM_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

/* Bytes of memory that this process may use: the machine's, or less where a cgroup (v1 or v2) says so. */
uint64_t machine_memory_bytes(void);

/* Bytes of it that could be taken now: pages of files are given up for it, and what there is of swap is used. */
uint64_t machine_memory_free_bytes(void);

/* Raise the soft limit of descriptors to the hard one; returns what holds now. */
uint64_t machine_descriptors_raise(void);

/* The number in the file at `path`, one of /proc's or /sys's; `otherwise` if there is none ("max", or no such file). */
uint64_t machine_number(const char *path, uint64_t otherwise);

/* The present limit on descriptors: it may be changed from outside at any time. */
uint64_t machine_descriptors_limit(void);

/* Another descriptor of what `fd` is of, with the lowest number that is free from `from` on; -1: there is none. */
NODISCARD int machine_descriptor_copy(int fd, int from);

/* The lowest number from `from` on that is free: the next descriptor's, if all below are taken. -1: there is none. `like`: any open one. */
int machine_descriptor_lowest(int like, int from);

/* Have the system's table of this process' descriptors made as wide as it may become, but at most for some ten thousands: widening it
 * later holds up the thread that opens one too many, for some ten milliseconds where there are several threads (measured).
 * At the start; failure is ignored. `like`: any open one. */
void machine_descriptors_widen(int like);

/* How many descriptors this process has open. */
unsigned machine_descriptors_open(void);

/* Make the allocator keep to few arenas and few mappings, and give memory back; before any thread is started. */
void machine_allocator_tune(void);

/* Whether the process `pid` has exited, but for threads that the kernel does not let go yet: nobody can wait for it then. */
bool machine_process_lingers(int pid);

#endif
