"""Where Folio answers otherwise than Apache, nginx and lighttpd, and who is right: the table behind docs/DIFFERENCES.md.

    /usr/bin/python3 tests/scenario/differences.py > docs/DIFFERENCES.md     # asks all four, and writes the page anew
"""

import os
import sys
import tempfile
from pathlib import Path

import compared_site
import other_servers
from folio_process import Folio

OTHERS = {"Apache": "apache", "nginx": "nginx", "lighttpd": "lighttpd"}


class Difference:
    """One request, one aspect of its answer, and what each server says of it."""

    def __init__(self, asked, aspect, values):
        self.method, self.target, self.host, self.fields = asked
        self.names = [name for name, _ in self.fields]
        self.aspect = aspect
        self.values = values  # by the names of servers; only who differs, and Folio

    def of(self, server):
        return self.values.get(server)

    def asked_range(self):
        return dict(self.fields).get("Range", "")

    def request(self):
        text = f"{self.method} {self.target}"
        if self.host != "main.example":
            text += f" Host: {self.host}"
        return " ".join([text, *(f"{name}: {value}" for name, value in self.fields)])


# (what differs, who is right and why, which differences are meant)
REASONS = [
    (
        "An empty Host",
        "Both may be: RFC 9112, 3.2 lets a client send one where its target has no authority, RFC 9110, 4.2.1 wants a target "
        "of http without host to be refused. Folio answers with the first site, as it does where nobody is named.",
        lambda d: d.host == "",
    ),
    (
        "A port that is no number",
        "Folio and Apache: a Host that is not of the form is answered 400 (RFC 9112, 3.2).",
        lambda d: d.host == "second.example:port" and d.aspect == "status",
    ),
    (
        "Header always in what is no request",
        "A matter of taste: Folio says 400 before it knows a site, and adds only what the main server says.",
        lambda d: d.aspect == "X-Content-Type-Options" and d.of("Folio") == "-",
    ),
    (
        "The absolute form of a target",
        "Folio, Apache and nginx: a server MUST accept it (RFC 9112, 3.2.2), and its host comes before Host.",
        lambda d: d.target.lower().startswith("http:"),
    ),
    (
        "OPTIONS",
        "Folio: 204 says that there is no content; 200 with an empty one says the same (RFC 9110, 9.3.7). To refuse it is allowed, for "
        "`*` it is not what 9.3.7 is for.",
        lambda d: d.method == "OPTIONS",
    ),
    (
        "Methods that a file has no use for",
        "Folio: 405 with Allow, whatever the path is (RFC 9110, 15.5.6); a method that it does not know is 501 (9.1). Apache "
        "takes POST for GET where there is no script, and TRACE (9.3.8) tells a script what a browser hides from it; lighttpd wants a length first.",
        lambda d: d.method in ("POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"),
    ),
    (
        "Range with HEAD",
        "Folio and lighttpd: Range is defined for GET, and is ignored elsewhere (RFC 9110, 14.2).",
        lambda d: d.method == "HEAD" and "Range" in d.names,
    ),
    (
        "416 without the length",
        "Folio and nginx: Content-Range SHOULD tell how long it is (RFC 9110, 15.5.17).",
        lambda d: d.aspect == "Content-Range" and d.of("Folio").startswith("bytes */"),
    ),
    (
        "Lists of ranges with empty elements, and with what is no range",
        "Folio: empty elements of a list are to be taken (RFC 9110, 5.6.1.2); a list in which something is malformed is ignored as a whole (14.2).",
        lambda d: ", ," in d.asked_range() or ",x" in d.asked_range(),
    ),
    (
        "More ranges than `MaxRanges`, or more bytes than the file has",
        "All: a server may answer with all of it (RFC 9110, 14.2), and ought to mind many and overlapping ranges (17.15). Apache takes 200, nginx any number "
        "of no more bytes than the file's, lighttpd joins what is near.",
        lambda d: "," in d.asked_range() and d.aspect == "status",
    ),
    (
        "Ranges that touch, overlap, or are near to each other",
        "All: they may be joined (RFC 9110, 15.3.7.2). Folio and Apache do so where nothing is between them, nginx never, lighttpd also where what is "
        "between them is less than a part's head.",
        lambda d: "," in d.asked_range(),
    ),
    (
        "Ranges of an empty file",
        "Folio: no byte of it can be had (RFC 9110, 14.1.2), so none is (15.5.17); to ignore Range is allowed.",
        lambda d: d.target == "/empty" and "Range" in d.names,
    ),
    (
        "Ranges that cannot be satisfied, and what is no range",
        "Folio: the last no bytes, or a first byte beyond any file, are well-formed and cannot be had, so 416 (RFC 9110, 14.1.2, 15.5.17); "
        "what is not well-formed is ignored (14.2). Of a blank behind `=` Apache is the stricter reader.",
        lambda d: "Range" in d.names and "If-Range" not in d.names,
    ),
    (
        "A date in If-Range",
        "Folio: a date cannot tell two versions of one second apart, and the whole file is always right (RFC 9110, 13.1.5, 8.8.2.2). With an entity "
        "tag the range is sent.",
        lambda d: "If-Range" in d.names and d.aspect == "status",
    ),
    (
        "Conditions",
        "Folio and Apache: an If-Modified-Since later than the file's date holds (RFC 9110, 13.1.3); nginx wants the very date. lighttpd, "
        "told to make no entity tags, ignores If-Match, If-None-Match and If-Unmodified-Since, which 13.2.2 has evaluated first.",
        lambda d: any(name.startswith("If-") for name in d.names) and d.aspect == "status",
    ),
    (
        "Names that begin with a dot",
        "Folio by intent: .git, .env and .htpasswd are nobody's; .well-known is served (RFC 8615).",
        lambda d: d.target == "/.hidden",
    ),
    (
        "An encoded slash",
        "Folio and Apache: %2F is no separator (RFC 3986, 2.2), and no file has it in its name.",
        lambda d: "%2f" in d.target.lower(),
    ),
    (
        "A fragment in a target",
        "Folio and Apache: it is never sent (RFC 9112, 3.2), and who sends it has something in mind.",
        lambda d: "#" in d.target,
    ),
    (
        "What follows a file's name",
        "Folio, Apache and nginx: /text.txt/ is not /text.txt. lighttpd takes it for a script's PATH_INFO.",
        lambda d: d.target.startswith(("/text.txt/", "/empty/")),
    ),
    (
        "Bytes that no path has, and ways above the root",
        "Folio: what is malformed is 400, also where others look for it and find nothing; %00 is a byte that no file's name has; what climbs above "
        "the root was not meant (RFC 3986, 5.2.4 would drop it).",
        lambda d: "%00" in d.target or "%z" in d.target or d.target == "/%" or ".." in d.target or "%2e%2e" in d.target,
    ),
    (
        "Header set in answers that are no success",
        "Folio, by Apache's own documentation: without always, a field is for successes (2xx). Apache leaves it out of redirects, and has it in error "
        "documents and 304, where RFC 9110, 15.4.5 wants only what a cache needs.",
        lambda d: d.aspect == "X-Site" and d.of("Folio") == "-",
    ),
    (
        "Accept-Ranges in 304",
        "Folio: a 304 has what a cache needs to go on, and no more (RFC 9110, 15.4.5).",
        lambda d: d.aspect == "Accept-Ranges" and any(name.startswith("If-") for name in d.names),
    ),
    (
        "The charset of text",
        "Folio by intent (docs/CONFIGURATION.md): every type of text says utf-8. Apache's AddDefaultCharset is for text/html and text/plain only.",
        lambda d: d.aspect == "Content-Type" and d.of("Folio").endswith("; charset=utf-8"),
    ),
    (
        "The type of what has none",
        "Both: a recipient may take what has no Content-Type for application/octet-stream or guess (RFC 9110, 8.3); Folio leaves nothing to be guessed.",
        lambda d: d.aspect == "Content-Type" and d.of("Folio") == "application/octet-stream",
    ),
    (
        "The length of an empty file in answer to HEAD",
        "Folio: HEAD has the fields that GET would have (RFC 9110, 9.3.2); Apache leaves out a length of 0.",
        lambda d: d.aspect == "Content-Length" and d.method == "HEAD",
    ),
]


def reason_of(difference):
    """The number of the first that is meant; None: there is none."""
    for number, (_, _, is_meant) in enumerate(REASONS):
        if is_meant(difference):
            return number
    return None


def ask_everybody(folder):
    """All differences, in the order of the requests. `folder` is empty, and can be entered by everybody."""
    site = folder / "site"
    site.mkdir()
    compared_site.plant_site(site)
    (folder / "folio.conf").write_text(compared_site.folio_configuration(site))
    asked = compared_site.requests()
    answers = {}
    folio = Folio(None, "-f", folder / "folio.conf")
    try:
        answers["Folio"] = {one: compared_site.answer_of(folio.address, one) for one in asked}
        folio.stop()
    finally:
        folio.give_up()
    for server, name in OTHERS.items():
        (folder / name).mkdir()
        configuration = getattr(compared_site, f"{name}_configuration")(site)
        with getattr(other_servers, name)(folder / name, configuration) as other:
            answers[server] = {one: compared_site.answer_of(other.address, one) for one in asked}
    return [difference for one in asked for difference in compare(one, answers)]


def compare(asked, answers):
    found = {}
    for server in OTHERS:
        if server != "Apache" and asked[1].startswith(compared_site.NOT_THERE):
            continue
        aspects = compared_site.EVERYTHING if server == "Apache" else compared_site.ESSENCE
        pairs = compared_site.differences(answers["Folio"][asked], answers[server][asked], aspects)
        for aspect, (ours, theirs) in pairs.items():
            found.setdefault(aspect, {"Folio": ours})[server] = theirs
    return [Difference(asked, aspect, values) for aspect, values in found.items()]


def page(differences):
    """docs/DIFFERENCES.md. What has no reason is left out: the test tells of it."""
    asked = compared_site.requests()
    lines = [
        "# Where others answer otherwise",
        "",
        f"The same tree is served by Folio, Apache, nginx and lighttpd (those of Debian 12), in the words of each, and asked {len(asked)} things: "
        "methods, odd encodings, conditions, ranges, aliases, redirects, error documents, fields, hosts (`tests/scenario/compared_site.py`). Apache "
        "and Folio read the same lines. Everything about the answers is the same but for what stands here; an empty cell is an answer "
        "like Folio's, `-` is no such field.",
        "",
        "Left out of the comparison: `Cache-Control` where the other says nothing, dates, `Server`, the text of errors; of nginx "
        "and lighttpd also types and fields, and what their configurations leave out.",
        "",
        "This page is made by `tests/scenario/differences.py`, and `tests/scenario/test_differences.py` holds it to be true.",
    ]
    for number, (what, why, _) in enumerate(REASONS):
        rows = {}
        for difference in differences:
            if reason_of(difference) == number:
                cells = (difference.aspect, *(difference.values.get(server, "") for server in ("Folio", *OTHERS)))
                rows.setdefault(cells, []).append(f"`{difference.request()}`")
        if rows:
            lines += [
                "",
                f"## {what}",
                "",
                why,
                "",
                "| request | what | Folio | Apache | nginx | lighttpd |",
                "|---|---|---|---|---|---|",
            ]
            lines += [f"| {', '.join(requests)} | {' | '.join(cells)} |" for cells, requests in rows.items()]
    return "\n".join(lines) + "\n"


def main():
    with tempfile.TemporaryDirectory(prefix="folio-differences-") as path:
        os.chmod(path, 0o755)
        differences = ask_everybody(Path(path))
    for difference in differences:
        if reason_of(difference) is None:
            print(f"no reason: {difference.request()}: {difference.aspect}: {difference.values}", file=sys.stderr)
    sys.stdout.write(page(differences))


if __name__ == "__main__":
    main()
