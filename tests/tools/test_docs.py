"""README and the manual page name every option and directive that there is, with its default, and no other; and what documents
name is there."""
import fnmatch
import os
import re

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))


def read(path):
    with open(os.path.join(TOP, path), encoding='utf-8') as file:
        return file.read()


def known_directives():
    """Name and default (None: none, or worked out at the start) of each row of the table."""
    known = {}
    for row in re.split(r'\n    \{ ', read('src/server/directive_table.c'))[1:]:
        name = re.search(r'\.name = "([^"]+)"', row).group(1)
        default = re.search(r'\.fallback = "([^"]*)"', row)
        if not name.startswith('<'):
            known[name] = default.group(1) if default else None
    return known


def known_options():
    return set(re.findall(r'\{ "([a-z-]+)", (?:no|required|optional)_argument', read('src/cli/command.c')))


def manual_items(section, page='folio.1'):
    """The paragraphs of the list in a section of the manual page, by their first line."""
    text = re.search(rf'^\.Sh {section}\n(.*?)(?=^\.Sh |\Z)', read(f'packaging/{page}'), re.M | re.S).group(1)
    return {item.split('\n', 1)[0]: item for item in re.split(r'^\.It ', text, flags=re.M)[1:]}


def test_the_tables_of_the_source_are_understood():
    assert len(known_directives()) >= 12 and 'MMapMaxBytes' in known_directives()
    assert known_options() >= {'port', 'bind', 'help'}


def test_readme_has_every_directive_with_its_default():
    section = read('README.md').split('### Directives')[1].split('###')[0]
    rows = re.findall(r'^\| `(\w+)[^`]*` \|([^|]*)\|', section, re.M)
    documented = {name: default.strip() for name, default in rows}
    assert set(documented) == set(known_directives())
    for name, default in known_directives().items():
        assert default is None or documented[name] == default, name


def test_the_manual_page_has_every_directive_with_its_default():
    """It is made of the table (tests/scenario/test_config_documents.py); here it is seen that somebody did."""
    items = {re.search('Ic "([^"]+)"', head).group(1): text for head, text in manual_items('DIRECTIVES', 'folio.conf.5').items()}
    assert {name for name in items if not name.startswith('<')} == set(known_directives())
    for name, default in known_directives().items():
        assert default is None or f'Default:\n.Ql "{default}" .' in items[name], name


def test_readme_and_the_manual_page_have_every_option():
    in_manual = {name for head in manual_items('DESCRIPTION') for name in re.findall(r'Fl -([a-z-]+)', head)}
    in_readme = set(re.findall(r'`--([a-z-]+)', read('README.md')[:read('README.md').index('### Directives')]))
    assert in_manual == known_options()
    assert in_readme == known_options()


def test_the_help_has_every_option():
    usage = re.search(r'usage_text\[\] =(.*?);\n', read('src/cli/command.c'), re.S).group(1).split('Examples:')[0]
    helped = set(re.findall(r' --([a-z-]+)', usage))
    assert helped == known_options()


def test_links_between_documents_lead_somewhere():
    documents = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md']
    documents += [f'docs/adr/{name}' for name in os.listdir(os.path.join(TOP, 'docs', 'adr'))]
    documents += [f'docs/{name}' for name in os.listdir(os.path.join(TOP, 'docs')) if name.endswith('.md')]
    for document in documents:
        for target in re.findall(r'\]\(([^)#]+)[^)]*\)', read(document)):
            if '://' not in target:
                path = os.path.join(TOP, os.path.dirname(document), target)
                assert os.path.exists(path), f'{document}: {target}'


def sources():
    """Of all floors, such as server/policy.c."""
    found = []
    for folder, _, names in os.walk(os.path.join(TOP, 'src')):
        found += [os.path.relpath(os.path.join(folder, name), os.path.join(TOP, 'src')) for name in names]
    return {name for name in found if name.endswith(('.c', '.h'))}


def sources_named(text):
    """In backquotes; those without a folder are in that of the one before. Tests and tools are not meant."""
    folder, named = '', set()
    for name in re.findall(r'`([\w/.*-]+\.[ch])`', text):
        folder = os.path.dirname(name) or folder
        if not folder.startswith('tests'):
            named.add(f'{folder}/{os.path.basename(name)}')
    return named


def test_the_architecture_names_sources_that_are_there_and_says_what_each_above_base_is_for():
    named = sources_named(read('docs/ARCHITECTURE.md'))
    assert [name for name in named if not fnmatch.filter(sources(), name)] == []
    above = [name for name in sources() if name.endswith('.c') and not name.startswith(('platform/', 'base/', 'main'))]
    alone = [name for name in above if not any(fnmatch.fnmatch(name, pattern.replace('.h', '.c')) for pattern in named)]
    assert len(above) > 100 and sorted(alone) == []


def test_what_the_architecture_calls_by_its_name_in_the_sources_is_called_so_there():
    """Functions, fields and the like: words with an underscore in backquotes."""
    said = ' '.join(re.findall(r'`([^`\n]+)`', read('docs/ARCHITECTURE.md')))
    names = set(re.findall(r'(?<![\w./*-])[a-z]+(?:_[a-z0-9]+)+(?![\w.*/-])', said))
    text = ''.join(read(f'src/{name}') for name in sources())
    assert len(names) > 30 and [name for name in sorted(names) if not re.search(rf'\b{name}\b', text)] == []
