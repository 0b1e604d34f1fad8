#include "platform/peer_queue.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLY_BYTES = 1024 };

struct question {
    struct nlmsghdr head;
    struct inet_diag_req_v2 about;
};

/* Ask; the kernel answers within the call that asks. 1: `ret_facts` is of that socket; 0: there is none; -1: cannot be told. */
static int ask(int queues, struct question *question, struct inet_diag_msg *ret_facts)
{
    union {
        struct nlmsghdr head;
        char room[REPLY_BYTES];
    } reply;
    question->head = (struct nlmsghdr){
        .nlmsg_len = sizeof *question,
        .nlmsg_type = SOCK_DIAG_BY_FAMILY,
        .nlmsg_flags = NLM_F_REQUEST,
    };
    if (send(queues, question, sizeof *question, MSG_DONTWAIT) != sizeof *question) return -1;
    ssize_t got = recv(queues, &reply, sizeof reply, MSG_DONTWAIT);
    if (got < (ssize_t)sizeof reply.head) return -1;
    if (reply.head.nlmsg_type == NLMSG_ERROR) {
        struct nlmsgerr error;
        if (got < (ssize_t)NLMSG_LENGTH(sizeof error)) return -1;
        memcpy(&error, NLMSG_DATA(&reply.head), sizeof error);
        return error.error == -ENOENT ? 0 : -1;
    }
    if (reply.head.nlmsg_type != SOCK_DIAG_BY_FAMILY || got < (ssize_t)NLMSG_LENGTH(sizeof *ret_facts)) return -1;
    memcpy(ret_facts, NLMSG_DATA(&reply.head), sizeof *ret_facts);
    return 1;
}

static struct question question_about(uint8_t family)
{
    struct question question = { .about = { .sdiag_family = family, .sdiag_protocol = IPPROTO_TCP } };
    question.about.idiag_states = UINT32_MAX;
    question.about.id.idiag_cookie[0] = question.about.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    return question;
}

int peer_queue_open(void)
{
    int queues = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
    if (queues < 0) return -1;
    struct question question = question_about(AF_INET);
    struct inet_diag_msg facts;
    if (ask(queues, &question, &facts) == 0) return queues; /* nobody is at port 0 */
    close(queues);
    return -1;
}

static bool is_v4(const struct peer_address *peer)
{
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    return memcmp(peer->bytes, mapped, sizeof mapped) == 0;
}

/* Our own end, as 4 or 16 bytes. */
struct own_end {
    uint16_t port; /* network byte order */
    uint32_t scope;
    const void *address;
    size_t size;
    struct socket_address name;
};

static bool own_end_of(int fd, bool is_v4, struct own_end *ret_end)
{
    struct socket_address *name = &ret_end->name;
    name->size = sizeof name->at;
    if (getsockname(fd, &name->at.any, &name->size) != 0) return false;
    if (name->at.any.sa_family != (is_v4 ? AF_INET : AF_INET6)) return false;
    ret_end->port = is_v4 ? name->at.v4.sin_port : name->at.v6.sin6_port;
    ret_end->scope = is_v4 ? 0 : name->at.v6.sin6_scope_id;
    ret_end->address = is_v4 ? (const void *)&name->at.v4.sin_addr : (const void *)&name->at.v6.sin6_addr;
    ret_end->size = is_v4 ? 4 : 16;
    return true;
}

bool peer_queue_ask(int queues, int fd, const struct peer_address *peer, uint64_t *ret_bytes)
{
    struct own_end own;
    struct inet_diag_msg facts;
    bool by_v4 = is_v4(peer);
    if (queues < 0 || peer->is_unix || !own_end_of(fd, by_v4, &own)) return false;
    struct question question = question_about(by_v4 ? AF_INET : AF_INET6);
    /* From the peer's side: its address is the source. */
    memcpy(question.about.id.idiag_src, peer->bytes + (by_v4 ? 12 : 0), own.size);
    memcpy(question.about.id.idiag_dst, own.address, own.size);
    question.about.id.idiag_sport = htons(peer->port);
    question.about.id.idiag_dport = own.port;
    question.about.id.idiag_if = own.scope;
    int found = ask(queues, &question, &facts);
    if (found < 0) return false;
    /* A listener is no peer: it was found for want of one, and its queue is of connections. */
    *ret_bytes = found > 0 && facts.idiag_state != TCP_LISTEN ? facts.idiag_rqueue : 0;
    return true;
}

bool peer_is_here(int fd, const struct peer_address *peer)
{
    static const uint8_t loopback[16] = { [15] = 1 };
    struct own_end own;
    bool by_v4 = is_v4(peer);
    if (peer->is_unix) return true;
    if (by_v4 ? peer->bytes[12] == 127 : memcmp(peer->bytes, loopback, sizeof loopback) == 0) return true;
    return own_end_of(fd, by_v4, &own) && memcmp(own.address, peer->bytes + (by_v4 ? 12 : 0), own.size) == 0;
}
