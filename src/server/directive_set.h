/* directive_set.h - what each kind of directive does with its arguments.
 *
 * Role:   the functions that the table (directive_table.c) refers to. Each checks its arguments and puts the value where it
 *         belongs; or tells a mistake, changes nothing, and returns false.
 * Owns:   nothing; texts go to the configuration's arena. Thread: at the start.
 */
#ifndef FOLIO_SERVER_DIRECTIVE_SET_H
#define FOLIO_SERVER_DIRECTIVE_SET_H

#include "server/directive.h"
#include "server/log_target.h"

/* directive_values.c: a value of the directive's home. */
bool set_number(struct directive_call *call);
bool set_bytes(struct directive_call *call);
bool set_duration(struct directive_call *call);
bool set_choice(struct directive_call *call);
bool set_path(struct directive_call *call);      /* char[CONFIG_PATH_BYTES] */
bool set_types(struct directive_call *call);     /* the same; of a file that is there */
bool set_file(struct directive_call *call);      /* struct span, made absolute */
bool set_socket(struct directive_call *call);    /* the same, and short enough for a Unix socket */
bool set_error_log(struct directive_call *call); /* the same, or stderr, or syslog */
bool set_text(struct directive_call *call);      /* struct span, as it is */

/* directive_server.c: the process. */
bool set_define(struct directive_call *call);
bool set_include(struct directive_call *call); /* least 1: there need be none */
bool set_listen(struct directive_call *call);
bool set_pins(struct directive_call *call); /* least: enum pin_kind */
bool set_send_rate(struct directive_call *call);
bool set_owner(struct directive_call *call); /* User, Group */
bool set_field_name(struct directive_call *call);
bool set_trusted_proxy(struct directive_call *call);

/* directive_site.c: a site. */
bool set_server_name(struct directive_call *call);
bool set_server_alias(struct directive_call *call);
bool set_document_root(struct directive_call *call);
bool set_alias(struct directive_call *call);
bool set_alias_match(struct directive_call *call);
bool set_redirect(struct directive_call *call);
bool set_redirect_match(struct directive_call *call);
bool set_custom_log(struct directive_call *call);
bool set_log_format(struct directive_call *call);
bool set_throttle(struct directive_call *call);

/* directive_section.c: what begins with a bracket. */
bool begin_virtual_host(struct directive_call *call);
bool begin_section(struct directive_call *call); /* most: enum section_kind */

/* directive_rules.c: rules of files and their folders. */
bool set_directory_index(struct directive_call *call);
bool set_fallback_resource(struct directive_call *call);
bool set_error_document(struct directive_call *call);
bool set_options(struct directive_call *call); /* choices: the words; least: what All stands for, 0: there is none */
bool set_index_ignore(struct directive_call *call);
bool set_max_ranges(struct directive_call *call);
bool set_require(struct directive_call *call);

/* directive_fields.c: rules of what answers say about content. */
bool set_add_extension(struct directive_call *call); /* AddType, AddCharset, AddEncoding: least is an enum added_kind */
bool set_default_charset(struct directive_call *call);
bool set_cache_control(struct directive_call *call);
bool set_expires_by_type(struct directive_call *call);
bool set_file_etag(struct directive_call *call);
bool set_header(struct directive_call *call);

enum added_kind { ADDED_TYPE, ADDED_CHARSET, ADDED_ENCODING };

/* Where the value of the directive is. */
void *directive_home(struct directive_call *call);

/* `text` made absolute: in a file under ServerRoot, on the command line under the present folder. data is NULL: it is too
 * long, or there is no memory. */
NODISCARD struct span directive_path(struct directive_call *call, struct span text);

/* A copy of an argument, which lives as long as the configuration. data is NULL: no memory, told. */
NODISCARD struct span directive_keep(struct directive_call *call, struct span text);

/* Add an item of `size` bytes at `item` to `list`. False: no memory, told. */
NODISCARD bool directive_list_add(struct directive_call *call, struct config_list *list, const void *item, size_t size);

/* The first argument as a log's target: a file, the name of the standard stream `stream`, or syslog. False: a mistake was told. */
NODISCARD bool directive_output(struct directive_call *call, enum log_target_kind stream, struct span *ret_target);

/* Text that may stand in a field: no controls (RFC 9110, 5.5). */
bool is_field_value(struct span text);

/* A token (RFC 9110, 5.6.2). */
bool is_token(struct span text);

#endif
