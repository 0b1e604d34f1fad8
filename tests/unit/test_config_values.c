#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "../support/config_rig.h"
#include "server/config_print.h"

static struct config_rig rig;

/* All of the configuration as text. To be freed. */
static char *printed(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    config_print(&rig.config, stream);
    fclose(stream);
    return text;
}

static void read_text(const char *text)
{
    const struct rig_file files[] = { { "/etc/folio.conf", text }, { NULL, NULL } };
    rig_open_with(&rig, files);
    strcpy(rig.config.server_root, "/etc");
    config_reader_include(rig.reader, SPAN("/etc/folio.conf"), false);
    config_reader_finish(rig.reader);
    if (rig.report.mistakes > 0) fail_msg("of\n%s\nis told\n%s", text, rig_errors(&rig));
}

/* What is written of a line, or of some. Each form is read as what stands beside it. */
static const struct {
    const char *line, *means;
} forms[] = {
    { "AddCharset utf-8 .HTML txt", "AddCharset utf-8 html\nAddCharset utf-8 txt\n" },
    { "AddDefaultCharset On", "AddDefaultCharset iso-8859-1\n" },
    { "AddDefaultCharset utf-8", "AddDefaultCharset utf-8\n" },
    { "AddDefaultCharset OFF", "AddDefaultCharset off\n" },
    { "AddEncoding x-gzip .tgz", "AddEncoding x-gzip tgz\n" },
    { "AddType text/html .a .b.c", "AddType text/html a\nAddType text/html b.c\n" },
    { "AddType \"text/html; charset=utf-8\" a", "AddType \"text/html; charset=utf-8\" a\n" },
    { "Alias /docs/ /usr/share/doc/", "Alias /docs/ /usr/share/doc/\n" },
    { "Alias \"/a b\" parts", "Alias \"/a b\" /etc/parts\n" },
    { "AliasMatch ^/u/(\\d+)$ /home/$1", "AliasMatch ^/u/(\\d+)$ /home/$1\n" },
    { "AuthName \"Members only\"", "AuthName \"Members only\"\n" },
    { "AuthType basic", "AuthType Basic\n" },
    { "AuthUserFile users", "AuthUserFile /etc/users\n" },
    { "CacheControl no-store", "CacheControl no-store\n" },
    { "CacheControl \"public, max-age=1\" Image/* *.JS text/html",
      "CacheControl \"public, max-age=1\" image/* *.JS text/html\n" },
    { "CacheDefaultAge 1500ms", "CacheDefaultAge 1500ms\n" },
    { "CacheDefaultAge 2h", "CacheDefaultAge 7200s\n" },
    { "CacheFile a", "CacheFile /etc/a\n" },
    { "Compress off", "Compress off\n" },
    { "CustomLog log", "CustomLog /etc/log\n" },
    { "CustomLog - json", "CustomLog - json\n" },
    { "CustomLog syslog:local1 \"%h %>s\"", "CustomLog syslog:local1 \"%h %>s\"\n" },
    { "DirectoryIndex a.html b.html", "DirectoryIndex a.html\nDirectoryIndex b.html\n" },
    { "DirectoryIndex a.html\nDirectoryIndex b.html", "DirectoryIndex a.html\nDirectoryIndex b.html\n" },
    { "DirectoryIndex a.html\nDirectoryIndex disabled", "DirectoryIndex disabled\n" },
    { "DocumentRoot /srv/www///", "DocumentRoot /srv/www\n" },
    { "DocumentRoot /", "DocumentRoot /\n" },
    { "ErrorDocument 404 /missing.html", "ErrorDocument 404 /missing.html\n" },
    { "ErrorDocument 404 \"It is gone.\"\nErrorDocument 500 default",
      "ErrorDocument 404 \"It is gone.\"\nErrorDocument 500 default\n" },
    { "ErrorDocument 403 https://www.example.org/no", "ErrorDocument 403 https://www.example.org/no\n" },
    { "ErrorLog logs/error", "ErrorLog /etc/logs/error\n" },
    { "ErrorLog stderr", "ErrorLog stderr\n" },
    { "ErrorLog ./stderr", "ErrorLog /etc/./stderr\n" },
    { "ErrorLog syslog", "ErrorLog syslog\n" },
    { "ErrorLog syslog:daemon:www", "ErrorLog syslog:daemon:www\n" },
    { "ExpiresActive On", "ExpiresActive on\n" },
    { "ExpiresByType Text/HTML A60", "ExpiresByType text/html A60\n" },
    { "ExpiresByType image/* m0", "ExpiresByType image/* M0\n" },
    { "ExpiresByType a/b \"access plus 1 month 15 days 2 hours\"", "ExpiresByType a/b A3895200\n" },
    { "ExpiresByType a/b \"now 1 year\"", "ExpiresByType a/b A31536000\n" },
    { "ExpiresByType a/b \"Modification Plus 1 week 1 minute 1 second\"", "ExpiresByType a/b M604861\n" },
    { "FallbackResource /index.html", "FallbackResource /index.html\n" },
    { "FallbackResource disabled", "FallbackResource disabled\n" },
    { "FileETag None", "FileETag None\n" },
    { "FileETag INode MTime Size", "FileETag Digest\n" },
    { "FileETag -INode", "FileETag Digest\n" },
    { "Group #33", "Group #33\n" },
    { "Header set X-A b", "Header set X-A b\n" },
    { "Header always ADD X-A: \"100%% of it\"", "Header always add X-A \"100%% of it\"\n" },
    { "Header onsuccess append Vary Origin\nHeader unset ETag", "Header append Vary Origin\nHeader unset ETag\n" },
    { "Header set X-A \"\"", "Header set X-A \"\"\n" },
    { "Header set X-A '\"q\"'", "Header set X-A \"\\\"q\\\"\"\n" },
    { "IndexIgnore *.bak .??*", "IndexIgnore *.bak\nIndexIgnore .??*\n" },
    { "IndexOptions None", "IndexOptions None\n" },
    { "IndexOptions VersionSort SuppressSize", "IndexOptions VersionSort SuppressSize\n" },
    { "IndexOptions +SuppressSize -FoldersFirst", "IndexOptions IgnoreCase VersionSort SuppressSize\n" },
    { "LogFormat json", "LogFormat json\n" },
    { "LogFormat \"%h \\\"%r\\\"\" short", "LogFormat \"%h \\\"%r\\\"\" short\nLogFormat combined\n" },
    { "LogLevel DEBUG", "LogLevel debug\n" },
    { "MaxRanges none", "MaxRanges none\n" },
    { "MaxRanges 64", "MaxRanges 64\n" },
    { "MaxRanges default", "MaxRanges 16\n" },
    { "Options All", "Options Indexes FollowSymLinks\n" },
    { "Options Indexes SymLinksIfOwnerMatch", "Options Indexes SymLinksIfOwnerMatch\n" },
    { "Options +Indexes", "Options Indexes\n" },
    { "Options All\nOptions -Indexes", "Options FollowSymLinks\n" },
    { "PidFile /run/folio.pid", "PidFile /run/folio.pid\n" },
    { "ProxyProtocol on", "ProxyProtocol on\n" },
    { "Redirect /a https://www.example.org/b", "Redirect 302 /a https://www.example.org/b\n" },
    { "Redirect permanent /a /b", "Redirect 301 /a /b\n" },
    { "Redirect SeeOther /a /b", "Redirect 303 /a /b\n" },
    { "Redirect gone /a", "Redirect 410 /a\n" },
    { "Redirect 451 /a", "Redirect 451 /a\n" },
    { "Redirect 308 /a /b", "Redirect 308 /a /b\n" },
    { "RedirectMatch 301 (.*)\\.htm$ $1.html", "RedirectMatch 301 (.*)\\.htm$ $1.html\n" },
    { "RedirectMatch gone ^/old", "RedirectMatch 410 ^/old\n" },
    { "RemoteIPHeader X-Forwarded-For", "RemoteIPHeader X-Forwarded-For\n" },
    { "RemoteIPTrustedProxy 10.0.0.0/8 ::1", "RemoteIPTrustedProxy 10.0.0.0/8\nRemoteIPTrustedProxy ::1\n" },
    { "Require all denied", "Require all denied\n" },
    { "Require ip 192.0.2.0/24 2001:db8::/32\nRequire valid-user\nRequire user \"alice b\" bob",
      "Require ip 192.0.2.0/24\nRequire ip 2001:db8::/32\nRequire valid-user\nRequire user \"alice b\"\nRequire user "
      "bob\n" },
    { "RewriteClean on", "RewriteClean on\n" },
    { "ServerAlias *.Example.org example.org", "ServerAlias *.example.org\nServerAlias example.org\n" },
    { "ServerName WWW.Example.org:8080", "ServerName www.example.org:8080\n" },
    { "ServerName [2001:db8::1]", "ServerName [2001:db8::1]\n" },
    { "ServerName [2001:db8::1]:80", "ServerName [2001:db8::1]:80\n" },
    { "StrictHost on", "StrictHost on\n" },
    { "Throttle /video/* 10M 100K", "Throttle /video/* 10485760 102400\n" },
    { "Throttle client 5K", "Throttle client 5120\n" },
    { "User www-data", "User www-data\n" },
    { "Listen 80\nListen [::1]:81\nListen unix:/a", "Listen 80\nListen [::1]:81\nListen unix:/a\n" },
    { "MMapFile a\nCacheFile b\nMMapDir c", "MMapFile /etc/a\n" },
    { "SendMinRate 1K 5s", "SendMinRate 1024 5s\n" },
    { "ServerRoot parts", "ServerRoot /etc/parts\n" },
    { "KeepAliveTimeout 1500ms", "KeepAliveTimeout 1500ms\n" },
    { "MMapMaxBytes 2M", "MMapMaxBytes 2097152\n" },
    { "TypesConfig folio.conf", "TypesConfig /etc/folio.conf\n" }, /* there is one */
    { "TypesConfig /etc/mime.types", "TypesConfig /etc/mime.types\n" },
    { "AuthName a\\", "AuthName \"a\\\\\"\n" },
    { "AuthName \\${x}", "AuthName \\${x}\n" },
    { "AuthName \"a \\\\\\${x}\"", "AuthName \"a \\\\\\${x}\"\n" },
    { "AuthName '\\'s'", "AuthName \"'s\"\n" },
};

/* The lines of `text` that begin with the first word of `line`. */
static void filter(const char *text, const char *line, char *out)
{
    size_t name = strcspn(line, " ");
    *out = '\0';
    while (*text) {
        size_t size = strcspn(text, "\n") + 1;
        if (strncmp(text, line, name) == 0 && text[name] == ' ') strncat(out, text, size);
        text += size;
    }
}

static void each_form_is_read_as_what_it_means_and_written_so_that_it_is_read_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(forms); i++) {
        static char lines[10000];
        read_text(forms[i].line);
        char *text = printed();
        rig_close(&rig);
        filter(text, forms[i].line, lines);
        if (strcmp(lines, forms[i].means) != 0) fail_msg("%s\nis read as\n%s", forms[i].line, lines);
        read_text(text);
        char *again = printed();
        rig_close(&rig);
        assert_string_equal(again, text);
        free(again);
        free(text);
    }
}

static const char whole[] =
    "ServerName main.example\nServerAlias m.example\nDocumentRoot /srv/main\nLogFormat json\nCustomLog /log/main\n"
    "LogFormat \"%h\" tiny\n"
    "DirectoryIndex main.html\nHeader set X-Main 1\nErrorDocument 404 /main404\nOptions Indexes\nRequire ip "
    "10.0.0.0/8\n"
    "Redirect /m /main\nAlias /i /srv/i\nThrottle /m 1M\n"
    "<Directory /srv/main/a/b>\nOptions None\n<Files x>\nRequire all denied\n</Files>\n</Directory>\n"
    "<Location /l>\nCompress off\n<Files y>\nCompress on\n</Files>\n</Location>\n"
    "<Files *.bak>\nRequire all denied\n</Files>\n"
    "<Directory /srv/main>\nOptions +FollowSymLinks -Indexes\n</Directory>\n"
    "<VirtualHost *:80 [::1]:80>\nServerName one.example\nHeader add X-One 1\nErrorDocument 404 /one404\nRequire all "
    "granted\n"
    "Options +FollowSymLinks\nRedirect /o /one\nAliasMatch ^/x(.*) /srv/x$1\nCustomLog /log/one tiny\nThrottle client "
    "1K\n"
    "<Directory /srv>\nDirectoryIndex disabled\n</Directory>\n"
    "<Files z>\nCompress off\n</Files>\n</VirtualHost>\n"
    "<VirtualHost 192.0.2.1>\nDocumentRoot /srv/two\nStrictHost on\nLogFormat common\nLogLevel debug\n</VirtualHost>\n";

static void a_whole_configuration_is_written_so_that_it_is_read_again(void **state)
{
    (void)state;
    read_text(whole);
    char *text = printed();
    rig_close(&rig);
    read_text(text);
    assert_int_equal(rig.config.site_count, 3);
    char *again = printed();
    rig_close(&rig);
    assert_string_equal(again, text);
    free(again);
    free(text);
}

static const struct section *section_of(const struct site_config *site, size_t index)
{
    assert_true(index < site->sections.count);
    return site->sections.items[index];
}

static void sections_are_applied_in_apaches_order(void **state)
{
    (void)state;
    static const char *const main_order[] = { "/srv/main", "/srv/main/a/b", "*.bak", "x", "/l", "y" };
    static const char *const one_order[] = { "/srv", "/srv/main", "/srv/main/a/b", "*.bak", "z", "x", "/l", "y" };
    read_text(whole);
    assert_int_equal(rig.config.sites[0]->sections.count, ARRAY_COUNT(main_order));
    for (size_t i = 0; i < ARRAY_COUNT(main_order); i++)
        assert_string_equal(section_of(rig.config.sites[0], i)->pattern.data, main_order[i]);
    const struct site_config *one = rig.config.sites[1];
    assert_int_equal(one->sections.count, ARRAY_COUNT(one_order));
    for (size_t i = 0; i < ARRAY_COUNT(one_order); i++)
        assert_string_equal(section_of(one, i)->pattern.data, one_order[i]);
    assert_ptr_equal(section_of(one, 5)->parent, section_of(one, 2));
    assert_ptr_equal(section_of(one, 7)->parent, section_of(one, 6));
    assert_null(section_of(one, 4)->parent);
    assert_true(section_of(one, 3)->has_wildcards);
    assert_false(section_of(one, 4)->has_wildcards);
    rig_close(&rig);
}

static void a_site_has_from_the_main_server_what_it_does_not_say(void **state)
{
    (void)state;
    read_text(whole);
    const struct site_config *one = rig.config.sites[1], *two = rig.config.sites[2];
    assert_string_equal(one->document_root.data, "/srv/main");
    assert_string_equal(two->document_root.data, "/srv/two");
    assert_null(two->server_name.data);
    assert_int_equal(two->server_aliases.count, 0);
    assert_int_equal(one->strict_host, 0);
    assert_int_equal(two->strict_host, 1);
    assert_int_equal(one->log_level, LOG_LEVEL_WARN);
    assert_int_equal(two->log_level, LOG_LEVEL_DEBUG);
    const struct log_config *log = one->logs.items[0];
    assert_int_equal(one->logs.count, 1);
    assert_string_equal(log->format_text.data, "%h");
    log = two->logs.items[0];
    assert_string_equal(log->target.data, "/log/main");
    assert_int_equal(log->known, LOG_FORMAT_JSON); /* it is the main server's log */
    assert_null(log->format_text.data);
    static const char *const maps[] = { "/o", "/m", "^/x(.*)", "/i" };
    assert_int_equal(one->url_maps.count, 4);
    for (size_t i = 0; i < 4; i++) {
        const struct url_map *map = one->url_maps.items[i];
        assert_string_equal(map->pattern ? map->pattern_text.data : map->prefix.data, maps[i]);
    }
    assert_int_equal(two->url_maps.count, 2);
    assert_true(((const struct throttle_rule *)one->throttles.items[0])->is_per_client);
    assert_int_equal(one->throttles.count, 2);
    rig_close(&rig);
}

static void rules_of_a_site_come_over_those_of_the_main_server(void **state)
{
    (void)state;
    read_text(whole);
    const struct rules *one = &rig.config.sites[1]->rules;
    assert_int_equal(one->headers.count, 2);
    assert_string_equal(((const struct header_rule *)one->headers.items[0])->name.data, "X-Main");
    assert_string_equal(((const struct header_rule *)one->headers.items[1])->name.data, "X-One");
    assert_int_equal(one->error_documents.count, 2); /* the last one holds */
    assert_string_equal(((const struct error_document_rule *)one->error_documents.items[1])->value.data, "/one404");
    assert_int_equal(one->require.count, 1);
    assert_int_equal(((const struct require_rule *)one->require.items[0])->kind, REQUIRE_GRANTED);
    assert_int_equal(one->options.added, OPTION_INDEXES | OPTION_FOLLOW_LINKS);
    assert_string_equal(((const struct text_rule *)one->directory_index.items[0])->text.data, "main.html");
    assert_int_equal(one->directory_index.count, 1);
    assert_int_equal(one->max_ranges, 16); /* a default */
    assert_int_equal(one->cache_default_age_ms, 600000);
    assert_null(one->places[RULE_MAX_RANGES].file);
    assert_int_equal(one->places[RULE_DIRECTORY_INDEX].line, 7);
    assert_string_equal(one->places[RULE_OPTIONS].file, "/etc/folio.conf");
    /* What is merged is of neither. */
    assert_int_equal(rig.config.sites[0]->rules.headers.count, 1);
    assert_int_equal(rig.config.sites[1]->own_rules.headers.count, 1);
    struct rules merged;
    assert_true(rules_merge(&rig.config.arena, one, &section_of(rig.config.sites[1], 0)->rules, &merged));
    assert_int_equal(merged.directory_index.count, 0);
    assert_true(rules_have(&merged, RULE_DIRECTORY_INDEX));
    assert_true(rules_merge(&rig.config.arena, one, &section_of(rig.config.sites[1], 1)->rules, &merged));
    assert_int_equal(merged.options.added, OPTION_FOLLOW_LINKS);
    rig_close(&rig);
}

/* The arguments of what the table above does not refuse. */
static const struct {
    const char *line, *says;
} mistakes[] = {
    { "AddCharset \"a b\" c", "AddCharset: \"a b\" is not a charset, such as utf-8" },
    { "AddCharset utf-8", "AddCharset takes two arguments or more: AddCharset CHARSET EXTENSION..." },
    { "AddDefaultCharset \"a b\"", "AddDefaultCharset: \"a b\" is not a charset, on or off" },
    { "AddEncoding \"a b\" c", "AddEncoding: \"a b\" is not a content coding, such as gzip" },
    { "AddType html .html", "AddType: \"html\" is not a media type, such as text/html" },
    { "AddType text/html a/b", "AddType: \"a/b\" is not an extension, such as .html" },
    { "AddType text/html .", "AddType: \".\" is not an extension" },
    { "Alias docs /a", "Alias: \"docs\" is not a path of a URL, which begins with / and is not encoded" },
    { "Alias /docs/ /a", "Alias: /docs/ and /a must both end with a slash, or neither" },
    { "Alias /docs /a/", "Alias: /docs and /a/ must both end with a slash, or neither" },
    { "Alias /a?b /c", "Alias: \"/a?b\" is not a path of a URL" },
    { "Alias /a", "Alias takes two arguments: Alias URL-PATH PATH" },
    { "AliasMatch ^/(a /b", "AliasMatch: the expression is wrong after \"^/(a\": missing closing parenthesis" },
    { "AuthName \"\"", "AuthName: a text is wanted, without control characters" },
    { "AuthType Digest", "AuthType: \"Digest\" is not one of None|Basic" },
    { "AuthType Basik", "AuthType: \"Basik\" is not one of None|Basic; did you mean Basic?" },
    { "CacheControl \"\"", "CacheControl: \"\" is not the value of a Cache-Control field" },
    { "CacheControl no-store text/", "CacheControl: \"text/\" is not a media type" },
    { "CacheControl no-store [a", "CacheControl: \"[a\" is not a media type" },
    { "CacheDefaultAge 366d", "CacheDefaultAge: 366d is out of range; at least 0 ms and at most 31536000000 ms" },
    { "CustomLog |cat", "CustomLog: logs are not piped to programs; a file, - or syslog is wanted" },
    { "CustomLog syslog:no", "CustomLog: no is not a facility of syslog: daemon, user, auth, local0 to local7 ..." },
    { "ErrorLog |cat", "ErrorLog: logs are not piped to programs; a file, stderr or syslog is wanted" },
    { "ErrorLog -", "ErrorLog: errors do not go to standard output; stderr is standard error" },
    { "ErrorLog syslog::a/b", "ErrorLog: a/b is not a tag for syslog: 1 to 32 letters, digits, '-', '.' and '_'" },
    { "DirectoryIndex a/b", "DirectoryIndex: \"a/b\" is not the name of a file, such as index.html" },
    { "DirectoryIndex disabled a", "DirectoryIndex: disabled stands alone" },
    { "ErrorDocument 200 /a", "ErrorDocument: \"200\" is not a status of 400 to 599" },
    { "ErrorDocument 404 \"\"", "ErrorDocument: \"\" is not a text, a path that begins with /, a URL, or default" },
    { "ExpiresByType html A1", "ExpiresByType: \"html\" is not a media type, such as text/html or image/*" },
    { "ExpiresByType a/b A", "ExpiresByType: \"A\" is not a time such as \"access plus 1 month\"" },
    { "ExpiresByType a/b A2147483648", "ExpiresByType: \"A2147483648\" is not a time" },
    { "ExpiresByType a/b \"access plus\"", "is not a time such as" },
    { "ExpiresByType a/b \"access plus one day\"", "is not a time such as" },
    { "ExpiresByType a/b \"access plus 1\"", "is not a time such as" },
    { "ExpiresByType a/b \"access plus 69 years\"", "is not a time such as" },
    { "ExpiresByType a/b \"tomorrow plus 1 day\"", "is not a time such as" },
    { "FallbackResource index.html",
      "FallbackResource: \"index.html\" is not a path of a URL, such as /index.html, or disabled" },
    { "FileETag Hash", "FileETag: \"Hash\" is not one of Digest|None|All|INode|MTime|Size" },
    { "FileETag Digets", "; did you mean Digest?" },
    { "Group \"a b\"", "Group: \"a b\" is not a name, or # and a number" },
    { "User #x", "User: \"#x\" is not a name, or # and a number" },
    { "User #4294967295", "User: \"#4294967295\" is not a name" },
    { "Header put X-A b", "Header: \"put\" is not one of set|append|add|unset" },
    { "Header sett X-A b", "; did you mean set?" },
    { "Header set X-A", "Header: set takes a name and a value" },
    { "Header unset X-A b", "Header: unset takes a name" },
    { "Header always set", "Header: set takes a name and a value" },
    { "Header set \"X A\" b", "Header: \"X A\" is not the name of a header field" },
    { "Header set content-length 1", "Header: content-length is made by the server itself" },
    { "Header set X-A %t", "Header: %% stands for %; formats such as %t are not known" },
    { "Header set X-A 1%", "Header: %% stands for %" },
    { "IndexIgnore a/b", "IndexIgnore: \"a/b\" is not a pattern of names, such as *.bak" },
    { "IndexIgnore [a", "IndexIgnore: \"[a\" is not a pattern of names" },
    { "IndexOptions FancyIndexing",
      "IndexOptions: \"FancyIndexing\" is not one of FoldersFirst|IgnoreCase|VersionSort|" },
    { "IndexOptions FolderFirst", "; did you mean FoldersFirst?" },
    { "IndexOptions All", "IndexOptions: \"All\" is not one of" },
    { "LogFormat %h json", "LogFormat: \"json\" is not a name of its own, which is not combined, common or json" },
    { "LogLevel loud", "LogLevel: \"loud\" is not one of emerg|alert|crit|error|warn|notice|info|debug" },
    { "MaxRanges unlimited", "MaxRanges: nothing is unlimited here; at most 64" },
    { "MaxRanges 0", "MaxRanges: 0 is out of range; at least 1 and at most 64" },
    { "TypesConfig /etc/none", "TypesConfig: there is no file /etc/none" },
    { "Options ExecCGI", "Options: \"ExecCGI\" is not one of Indexes|FollowSymLinks|SymLinksIfOwnerMatch|All|None" },
    { "Options Indexs", "; did you mean Indexes?" },
    { "Options Indexes +FollowSymLinks", "Options: either all words have + or -, or none has" },
    { "Options +None", "Options: \"+None\" is not one of" },
    { "Redirect permament /a /b",
      "Redirect: \"permament\" is not permanent, temp, seeother, gone or a status; did you mean permanent?" },
    { "Redirect 200 /a /b", "Redirect: \"200\" is not 301, 302, 303, 307, 308, or a status of 400 to 599" },
    { "Redirect gone /a /b", "Redirect: a redirect with status 410 has a path, and no URL to go to" },
    { "Redirect permanent /a", "Redirect: a redirect with status 301 has a path and a URL to go to" },
    { "Redirect a /b", "Redirect: \"a\" is not a path of a URL" },
    { "Redirect /a b", "Redirect: \"b\" is not a URL, or a path that begins with /" },
    { "Redirect /a \"/b c\"", "Redirect: \"/b c\" is not a URL" },
    { "RedirectMatch [a /b", "RedirectMatch: the expression is wrong after \"[a\"" },
    { "RemoteIPHeader \"X A\"", "RemoteIPHeader: \"X A\" is not the name of a header field" },
    { "RemoteIPTrustedProxy proxy.example", "RemoteIPTrustedProxy: \"proxy.example\" is not an address" },
    { "Require everybody",
      "Require: \"everybody\" is not the beginning of: all granted, all denied, ip NETWORK, valid-user, user NAME" },
    { "Require all grantd", "Require: \"grantd\" is not granted or denied; did you mean granted?" },
    { "Require ip", "Require: \"ip\" is not the beginning of" },
    { "Require ip 10.0.0.0/33", "Require: \"10.0.0.0/33\" is not an address, or a network" },
    { "Require not ip 10.0.0.0/8", "Require: one line suffices of several, so none can take away what another gives" },
    { "Require user a:b", "Require: \"a:b\" is not a user's name" },
    { "ServerAlias a/b", "ServerAlias: \"a/b\" is not a name such as example.org or *.example.org" },
    { "ServerName http://a", "ServerName: \"http://a\" is not a name such as www.example.org, with or without :PORT" },
    { "ServerName a:0", "ServerName: \"a:0\" is not a name" },
    { "ServerName a:65536", "ServerName: \"a:65536\" is not a name" },
    { "ServerName *.a", "ServerName: \"*.a\" is not a name" },
    { "ServerName [::1", "ServerName: \"[::1\" is not a name" },
    { "ServerName [1.2.3.4]", "ServerName: \"[1.2.3.4]\" is not a name" },
    { "Throttle video 1M", "Throttle: \"video\" is not a pattern of paths, such as /video/*, or client" },
    { "Throttle /[a 1M", "Throttle: \"/[a\" is not a pattern of paths" },
    { "Throttle /a 0", "Throttle: \"0\" is not an amount of bytes a second, such as 500K" },
    { "Throttle /a 33G", "Throttle: \"33G\" is not an amount of bytes a second of at most 32G" },
    { "Throttle /a 1K 2K", "Throttle: \"2K\" is not an amount of bytes a second that is not above the other" },
};

static void there_is_one_throttle_for_clients_in_each_place(void **state)
{
    (void)state;
    assert_false(rig_read(&rig, "DocumentRoot /srv\nThrottle client 1M\nThrottle /a 1M\nThrottle client 2M\n"));
    assert_string_equal(rig.error, "4:10 Throttle: client has a rate here already\n");
    rig_close(&rig);
    assert_true(rig_read(&rig, "DocumentRoot /srv\nThrottle client 1M\n<VirtualHost *:80>\nThrottle client 2M\n"
                               "</VirtualHost>\n"));
    assert_int_equal(rig.config.sites[1]->throttles.count, 2);
    rig_close(&rig);
}

static void what_is_wrong_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    rig_open_with(&rig, NULL);
    config_reader_finish(rig.reader);
    char *before = printed();
    for (size_t i = 0; i < ARRAY_COUNT(mistakes); i++) {
        if (rig_line(&rig, span_of_string(mistakes[i].line))) fail_msg("%s is taken", mistakes[i].line);
        if (!strstr(rig.error, mistakes[i].says)) fail_msg("%s: %s", mistakes[i].line, rig.error);
    }
    char *after = printed();
    assert_string_equal(before, after);
    free(before);
    free(after);
    rig_close(&rig);
}

static void a_format_is_found_wherever_it_is_named(void **state)
{
    (void)state;
    const struct rig_file texts[] = {
        { "/etc/folio.conf", "CustomLog a b\nCustomLog c d\nLogFormat x d\nCustomLog e %h\n" }, { NULL, NULL }
    };
    rig_open_with(&rig, texts);
    config_reader_include(rig.reader, SPAN("/etc/folio.conf"), false);
    config_reader_finish(rig.reader);
    assert_string_equal(rig_errors(&rig), "1:1 CustomLog: no LogFormat is called b\n");
    assert_string_equal(((const struct log_config *)rig.config.sites[0]->logs.items[1])->format_text.data, "x");
    assert_string_equal(((const struct log_config *)rig.config.sites[0]->logs.items[2])->format_text.data, "%h");
    rig_close(&rig);
}

static void every_directive_that_has_a_value_is_written(void **state)
{
    (void)state;
    size_t count;
    const struct directive *all = directives(&count);
    read_text("");
    for (size_t i = 0; i < count; i++) {
        if (!all[i].fallback || strchr(all[i].name, '<')) continue;
        char wanted[100], *text = printed();
        snprintf(wanted, sizeof wanted, "%s ", all[i].name);
        if (!strstr(text, wanted)) fail_msg("%s is not in\n%s", wanted, text);
        free(text);
    }
    rig_close(&rig);
}

static void sites_are_listed_by_address(void **state)
{
    (void)state;
    read_text("ServerName main\nDocumentRoot /srv/main\n"
              "<VirtualHost *:80 [::1]:80>\nServerName one\nServerAlias o *.o\n</VirtualHost>\n"
              "<VirtualHost _default_:80>\nServerName two:81\nDocumentRoot /srv/two\n</VirtualHost>\n"
              "<VirtualHost *>\n</VirtualHost>\n");
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    config_print_sites(&rig.config, stream);
    fclose(stream);
    assert_string_equal(text, "*:80\n"
                              "  default  one o *.o  (/etc/folio.conf:3)\n"
                              "           /srv/main\n"
                              "           two:81  (/etc/folio.conf:7)\n"
                              "           /srv/two\n"
                              "[::1]:80\n"
                              "  default  one o *.o  (/etc/folio.conf:3)\n"
                              "           /srv/main\n"
                              "*\n"
                              "  default  (no ServerName)  (/etc/folio.conf:11)\n"
                              "           /srv/main\n"
                              "every other address\n"
                              "  main     main\n"
                              "           /srv/main\n");
    free(text);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_is_read_as_what_it_means_and_written_so_that_it_is_read_again),
        cmocka_unit_test(a_whole_configuration_is_written_so_that_it_is_read_again),
        cmocka_unit_test(sections_are_applied_in_apaches_order),
        cmocka_unit_test(a_site_has_from_the_main_server_what_it_does_not_say),
        cmocka_unit_test(rules_of_a_site_come_over_those_of_the_main_server),
        cmocka_unit_test(what_is_wrong_is_refused_and_changes_nothing),
        cmocka_unit_test(there_is_one_throttle_for_clients_in_each_place),
        cmocka_unit_test(a_format_is_found_wherever_it_is_named),
        cmocka_unit_test(every_directive_that_has_a_value_is_written),
        cmocka_unit_test(sites_are_listed_by_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
