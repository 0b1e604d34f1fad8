"""The demonstration site holds together, and asks nobody else for anything."""
import html.parser
import os
import subprocess
import urllib.parse

import pytest

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
SITE = os.path.join(TOP, 'share', 'site')
PAGES = sorted(os.path.relpath(os.path.join(folder, name), SITE)
               for folder, _, names in os.walk(SITE) for name in names if name.endswith('.html'))
# What make run adds, and the link that shows what a missing page looks like.
NOT_IN_GIT = {'big.bin', 'no-such-leaf'}
VOID = {'br', 'hr', 'img', 'input', 'link', 'meta', 'source', 'wbr'}


class Page(html.parser.HTMLParser):
    """Collects what a page refers to, and the tags that do not match."""

    def __init__(self, path):
        super().__init__()
        self.open, self.mismatched, self.references, self.ids = [], [], [], []
        with open(path, encoding='utf-8') as text:
            self.feed(text.read())
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ('href', 'src', 'srcset'):
                self.references.append(value)
            elif name == 'id':
                self.ids.append(value)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.mismatched.append((tag, self.getpos()))


@pytest.fixture(scope='module')
def made_site(tmp_path_factory):
    folder = tmp_path_factory.mktemp('made') / 'site'
    subprocess.run([os.path.join(TOP, 'tools', 'make-site'), str(folder)], check=True, timeout=60)
    return folder


def test_there_are_several_pages():
    assert len(PAGES) >= 5


@pytest.mark.parametrize('page', PAGES)
def test_every_tag_of_a_page_is_closed_where_it_was_opened(page):
    parsed = Page(os.path.join(SITE, page))
    assert (parsed.open, parsed.mismatched) == ([], [])


@pytest.mark.parametrize('page', PAGES)
def test_every_reference_of_a_page_leads_to_a_file_of_the_site(page):
    parsed = Page(os.path.join(SITE, page))
    for reference in parsed.references:
        url = urllib.parse.urlsplit(reference)
        assert (url.scheme, url.netloc) == ('', ''), f'{reference} leads out of the site'
        if not url.path:
            assert url.fragment in parsed.ids, reference
            continue
        path = os.path.normpath(os.path.join(SITE, os.path.dirname(page), url.path))
        if reference.endswith('/'):
            path = os.path.join(path, 'index.html')
        assert os.path.basename(path) in NOT_IN_GIT or os.path.isfile(path), reference


def test_the_style_sheet_asks_for_nothing_else():
    with open(os.path.join(SITE, 'folio.css'), encoding='utf-8') as text:
        sheet = text.read()
    assert 'url(' not in sheet and '@import' not in sheet


def test_every_line_of_the_big_file_begins_with_its_own_offset(made_site):
    offset = 0
    with open(made_site / 'big.bin', 'rb') as big:
        for line in big:
            assert len(line) == 64 and int(line[:10]) == offset
            offset += 64
    assert offset == 64 << 20


def test_making_the_site_again_keeps_the_big_file_and_drops_what_is_gone(made_site):
    before = os.stat(made_site / 'big.bin')
    (made_site / 'gone.html').write_text('gone', encoding='utf-8')
    subprocess.run([os.path.join(TOP, 'tools', 'make-site'), str(made_site)], check=True, timeout=60)
    after = os.stat(made_site / 'big.bin')
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert not (made_site / 'gone.html').exists()
    for page in PAGES:
        with open(os.path.join(SITE, page), 'rb') as ours, open(made_site / page, 'rb') as copy:
            assert ours.read() == copy.read()
