#include "cli/directives.h"

#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "server/directive.h"

enum { WIDTH = 80 };

/* Of a section the bracket is closed behind the arguments. */
static void print_usage(const struct directive *directive)
{
    bool is_section = directive->name[0] == '<';
    printf("%.*s%s%s%s", (int)strlen(directive->name) - is_section, directive->name, directive->arguments[0] ? " " : "",
           directive->arguments, is_section ? ">" : "");
}

/* `text` in lines of WIDTH, each after `indent` blanks. */
static void print_wrapped(const char *text, int indent)
{
    int column = 0;
    while (*text) {
        int size = (int)strcspn(text, " ");
        if (column > 0 && column + 1 + size > WIDTH) {
            putchar('\n');
            column = 0;
        }
        printf("%*s%.*s", column == 0 ? indent : 1, "", size, text);
        column += (column == 0 ? indent : 1) + size;
        text += size;
        text += strspn(text, " ");
    }
    putchar('\n');
}

static void print_one(const struct directive *directive)
{
    char contexts[CONTEXTS_TEXT_BYTES];
    print_usage(directive);
    printf("\n    may stand  %s\n", directive_contexts_text(directive->contexts, contexts));
    if (directive->fallback) printf("    default    %s\n", directive->fallback);
    putchar('\n');
    print_wrapped(directive->text, 0);
    if (!directive->example) return;
    fputs("\nFor example:\n\n", stdout);
    for (const char *line = directive->example; *line;) {
        int size = (int)strcspn(line, "\n");
        printf("    %.*s\n", size, line);
        line += size + 1;
    }
}

static void print_list(void)
{
    size_t count;
    const struct directive *all = directives(&count);
    for (size_t i = 0; i < count; i++) {
        print_usage(&all[i]);
        putchar('\n');
    }
    puts("\nfolio directives NAME tells more about one.");
}

static int tell(const char *name)
{
    char bracketed[64];
    const struct directive *directive = directive_find(span_of_string(name));
    snprintf(bracketed, sizeof bracketed, "<%.60s>", name);
    if (!directive) directive = directive_find(span_of_string(bracketed));
    if (directive) {
        print_one(directive);
        return 0;
    }
    struct span nearest = directive_nearest(span_of_string(name));
    fprintf(stderr, "folio: there is no directive %s%s%.*s%s\n", name, nearest.data ? "; did you mean " : "",
            (int)nearest.size, nearest.data ? nearest.data : "", nearest.data ? "?" : "");
    return EXIT_USAGE;
}

static void put_mdoc(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\\')
            fputs("\\e", stdout);
        else
            putchar(text[i]);
    }
}

/* A line of mdoc(7) that is none of its requests. */
static void print_mdoc_line(const char *text, size_t size)
{
    if (size > 0 && (text[0] == '.' || text[0] == '\'')) fputs("\\&", stdout);
    put_mdoc(text, size);
    putchar('\n');
}

/* A paragraph, each sentence on a line of its own. */
static void print_mdoc_text(const char *text)
{
    while (*text) {
        size_t size = 0, fits = 0;
        for (bool is_over = false; !is_over;) {
            size += strcspn(text + size, " ");
            if (fits > 0 && size > WIDTH - 2) break;
            fits = size;
            is_over = !text[size] || (text[size - 1] == '.' && text[size + 1] >= 'A' && text[size + 1] <= 'Z');
            size++;
        }
        print_mdoc_line(text, fits);
        text += fits + (text[fits] == ' ');
    }
}

/* An argument of a macro: in quotation marks nothing in it is another macro. */
static void print_mdoc_argument(const char *text)
{
    fputs(" \"", stdout);
    for (; *text; text++) {
        if (*text == '"') putchar('"');
        put_mdoc(text, 1);
    }
    putchar('"');
}

static void print_mdoc_item(const struct directive *directive)
{
    char contexts[CONTEXTS_TEXT_BYTES];
    fputs(".It Ic", stdout);
    print_mdoc_argument(directive->name);
    if (directive->arguments[0]) {
        fputs(" Ar", stdout);
        print_mdoc_argument(directive->arguments);
    }
    putchar('\n');
    print_mdoc_text(directive->text);
    fputs(".Pp\n", stdout);
    if (directive->fallback) {
        fputs("Default:\n.Ql", stdout);
        print_mdoc_argument(directive->fallback);
        puts(" .");
    }
    char place[CONTEXTS_TEXT_BYTES + 16];
    snprintf(place, sizeof place, "May stand %s.", directive_contexts_text(directive->contexts, contexts));
    print_mdoc_text(place);
    if (!directive->example) return;
    fputs(".Bd -literal -offset indent\n", stdout);
    for (const char *line = directive->example; *line;) {
        size_t size = strcspn(line, "\n");
        print_mdoc_line(line, size);
        line += size + 1;
    }
    puts(".Ed");
}

static const char manual_begin[] =
    ".\\\" Made by `folio directives --man` from the table of directives; not to be edited.\n"
    ".Dd November 22, 2026\n"
    ".Dt FOLIO.CONF 5\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm folio.conf\n"
    ".Nd configuration of the web server folio\n"
    ".Sh DESCRIPTION\n"
    "A file for\n"
    ".Ql folio -f .\n"
    "It is written as Apache's, and where a directive has the name of one of\n"
    "Apache's, it means the same but for what is said below.\n"
    ".Pp\n"
    "A line holds the name of a directive, in letters of either case, and its\n"
    "arguments.\n"
    "An argument with blanks is put in quotation marks, double or single, within\n"
    "which a backslash stands before the mark itself and before a backslash.\n"
    "A line that begins with\n"
    ".Sq #\n"
    "is a comment; a backslash at the end of a line joins the next to it.\n"
    ".Pp\n"
    ".Li ${NAME}\n"
    "stands for what\n"
    ".Ic Define\n"
    "defined, or for what is in the environment; if it is in neither, that is a\n"
    "mistake.\n"
    ".Li \\e${\n"
    "stands for\n"
    ".Li ${\n"
    "itself.\n"
    ".Pp\n"
    "Relative paths are under\n"
    ".Ic ServerRoot .\n"
    "Bytes are a number, or end in\n"
    ".Cm K , M , G\n"
    "or\n"
    ".Cm T ;\n"
    "times are seconds, or end in\n"
    ".Cm ms , s , m , h\n"
    "or\n"
    ".Cm d .\n"
    "A value that is out of range is a mistake; nothing is corrected in silence.\n"
    ".Pp\n"
    ".Ql folio check -f FILE\n"
    "tells every mistake at once, with its place, and what is legal but hardly\n"
    "meant.\n"
    "A configuration with a mistake is never served by: neither at the start, nor\n"
    "at a reload, which leaves the one before in force.\n"
    ".Sh DIRECTIVES\n"
    ".Bl -tag -width Ds\n";

static const char manual_end[] = ".El\n"
                                 ".Sh SEE ALSO\n"
                                 ".Xr folio 1\n";

static void print_manual(void)
{
    size_t count;
    const struct directive *all = directives(&count);
    fputs(manual_begin, stdout);
    for (size_t i = 0; i < count; i++) print_mdoc_item(&all[i]);
    fputs(manual_end, stdout);
}

int directives_run(int argc, char **argv)
{
    if (argc > 2) {
        fputs("folio: directives takes one name, or --man\n  see folio --help\n", stderr);
        return EXIT_USAGE;
    }
    if (argc == 1)
        print_list();
    else if (strcmp(argv[1], "--man") == 0)
        print_manual();
    else
        return tell(argv[1]);
    return 0;
}
