# The commands that people type. Meson does the building; what is longer than a line is in tools/.

DIR     ?=
PORT    ?= 8080
SECONDS  = 60
STAGES   =
BENCHES  = race sites
PREFIX   = /usr/local
DESTDIR  =

# Meson and ninja use all processors by themselves.
.NOTPARALLEL:
.PHONY: build run test bench fuzz lint format manual install uninstall clean help

## make                                the server, as build/folio
build:
	@tools/install-deps build
	@test -f build/build.ninja || meson setup build --buildtype=release
	@ninja -C build

## make run DIR=… PORT=…               serve a folder; without DIR, Folio's own demonstration site
run: export DIR := $(DIR)
run: export PORT := $(PORT)
run: build
	@test -n "$$DIR" || tools/make-site build/site
	@exec build/folio --port "$$PORT" "$${DIR:-build/site}"

## make test STAGES=…                  every test and check, or only the named stages
test:
	@tools/install-deps build test
	@tools/test $(STAGES)

## make bench BENCHES='race sites'     the race against other servers, and the same with 20 sites; see bench/README.md
bench: build
	@tools/install-deps bench
	@for bench in $(BENCHES); do bench/run $$bench || exit 1; done

## make fuzz SECONDS=60                every fuzzer, for so long each
fuzz:
	@tools/install-deps build test
	@tools/fuzz $(SECONDS)

## make lint                           formatting, floors, clang-tidy, cppcheck, scripts, manual page
lint:
	@tools/install-deps build lint
	@tools/lint

## make format                         let clang-format write the C sources anew
format:
	@tools/install-deps lint
	@tools/format

## make manual                         write folio.conf(5) anew from the table of directives
manual: build
	build/folio directives --man > packaging/folio.conf.5

## make install PREFIX=… DESTDIR=…     the server, its manual pages, its systemd unit, the site
install: | build/folio
	install -D -m 755 build/folio '$(DESTDIR)$(PREFIX)/bin/folio'
	install -D -m 644 packaging/folio.1 '$(DESTDIR)$(PREFIX)/share/man/man1/folio.1'
	install -D -m 644 packaging/folio.conf.5 '$(DESTDIR)$(PREFIX)/share/man/man5/folio.conf.5'
	install -d '$(DESTDIR)$(PREFIX)/lib/systemd/system' '$(DESTDIR)$(PREFIX)/share/folio/site'
	sed 's|@PREFIX@|$(PREFIX)|g' packaging/folio.service > '$(DESTDIR)$(PREFIX)/lib/systemd/system/folio.service'
	chmod 644 '$(DESTDIR)$(PREFIX)/lib/systemd/system/folio.service'
	cp -R share/site/. '$(DESTDIR)$(PREFIX)/share/folio/site'

## make uninstall PREFIX=… DESTDIR=…   and away with them
uninstall:
	rm -f '$(DESTDIR)$(PREFIX)/bin/folio' '$(DESTDIR)$(PREFIX)/share/man/man1/folio.1'
	rm -f '$(DESTDIR)$(PREFIX)/share/man/man5/folio.conf.5'
	rm -f '$(DESTDIR)$(PREFIX)/lib/systemd/system/folio.service'
	rm -rf '$(DESTDIR)$(PREFIX)/share/folio'

# As root, an installation takes what was built and builds nothing again.
build/folio:
	@$(MAKE) --no-print-directory build

## make clean                          remove everything that was built
clean:
	rm -rf build build-*/

help:
	@sed -n 's/^## //p' Makefile
