#!/usr/bin/python3
"""Does a hit cost more where much is configured? The race's loads, against 20 sites with 200 rules.

Folio runs twice, plain as in the race, and configured: by address and name, with aliases, redirects, sections by folder, URL and
name, fields, ages, error documents and access rules. The rules are for what is asked for, or are asked of it: all of them stand in
the site that the client names, which is the last but one. The rounds are interleaved, with the floor's, and what counts is CPU time per
request: each to the floor, and the configured one to the plain one in the same round.

Writes build/bench/sites.json.
"""
import http.client
import json
import statistics

import machine
import options
import race
from field import Field
from machine import say

PLAIN, CONFIGURED = 'folio', 'configured'
SITES, RULES = 20, 200
ASKED = SITES - 2     # the number of the site that is asked

# What every site has of its own, ten rules: {n} is its number, {www} the folder that all of them serve.
RULES_OF_A_SITE = """    Alias /shared-{n}/ {www}/
    Redirect 301 /old-{n} /new-{n}
    RedirectMatch 302 ^/move/{n}/(.*)$ /to/$1
    ErrorDocument 404 "not here: site {n}"
    Header always set X-Site {n}
    CacheControl "public, max-age={n}0" text/html
    CacheControl no-store application/json
    AddType text/x-site-{n} site{n}
    <Files *.secret{n}>
        Require all denied
    </Files>
    <Location /inner-{n}/>
        Require ip 192.0.2.{n}
    </Location>
"""


def name_of(number):
    return f'site{number}.bench.test'


def configuration(www, port, log=None):
    """The text of folio.conf."""
    lines = ['Threads 1', 'KeepAliveTimeout 600s', f'DocumentRoot {www}', f'Listen 127.0.0.1:{port}']
    if log:
        lines.append(f'CustomLog {log} combined')
    for n in range(SITES):
        lines += [f'<VirtualHost 127.0.0.1:{port}>', f'    ServerName {name_of(n)}',
                  f'    ServerAlias www.{name_of(n)} *.{name_of(n)}', f'    DocumentRoot {www}',
                  RULES_OF_A_SITE.format(n=n, www=www).rstrip(), '</VirtualHost>']
    return '\n'.join(lines) + '\n'


class SitesField(Field):
    """Folio, and Folio once more as it is configured here."""

    def command(self, name, port, www, logs=False, options=()):
        if name != CONFIGURED:
            return super().command(name, port, www, logs, options)
        return [self.folio, '-f', self.conf(name, port, configuration(www, port, self.log(name) if logs else None))]

    def start(self, name, port, www, cpu=None, logs=False, options=()):
        """Whether the site that is asked is the one that answers, is seen once; an OSError tells if not."""
        process = super().start(name, port, www, cpu, logs, options)
        if name == CONFIGURED:
            connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
            connection.request('GET', '/', headers={'Host': name_of(ASKED)})
            site = connection.getresponse().getheader('X-Site')
            connection.close()
            if site != str(ASKED):
                self.stop(process)
                raise OSError(f'site {ASKED} was asked, and site {site} answered')
        return process


def parse_options():
    a = options.parser('sites', __doc__, [PLAIN, CONFIGURED], rounds=race.ROUNDS, seconds=race.SECONDS,
                       disk='what is served lies')
    options.add_loads(a, race.LOADS)
    return options.read(a)


def main():
    o = parse_options()
    field = SitesField(o.out, o.work, o.folio)
    field.prepare([PLAIN])
    machine.isolate()
    www = f'{field.work}/sites'
    race.make_files(www, o.keys)
    results = {'machine': machine.facts(), 'rounds': o.rounds, 'seconds': o.seconds, 'sites': SITES, 'rules': RULES,
               'loads': {}}
    for key in o.keys:
        load = race.LOADS[key]
        load = load._replace(options=(*load.options, '--host', name_of(ASKED)))
        result = results['loads'][key] = race.race(field, key, load, www, o.names, o)
        race.print_load(result)
        if {PLAIN, CONFIGURED} <= set(result['servers']):
            ratios = race.ratios(result['servers'][CONFIGURED]['rounds_us'], result['servers'][PLAIN]['rounds_us'])
            result['to_plain'] = statistics.median(ratios)
            say(f'  configured to plain: {result["to_plain"]:.2f} ({min(ratios):.2f}-{max(ratios):.2f})')
    with open(f'{o.out}/sites.json', 'w') as out:
        json.dump(results, out, indent=1)
    rows = [row for load in results['loads'].values() for row in load['servers'].values()]
    return 1 if any(row['error'] for row in rows) or len(rows) < len(o.keys) * (len(o.names) + 1) else 0


if __name__ == '__main__':
    machine.run_main(main)
