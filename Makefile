# Lessons on I/O models in C. `make` prints what you can type.
# Everything goes by pattern: a new lesson or step needs no new line here.

CFLAGS   ?= -O3 -g
WARNINGS  = -Wall -Wextra -Wshadow -Wpedantic

# Every .c is a program, but for those with a .h beside them: modules, linked
# into the programs of their folder that include one; and a patch.c, which a
# step's script links in, to show what that changes. epoll is Linux's alone,
# whose C library had aio (07p) in one of its own, librt, until 2021.
sources  := $(wildcard 0*-*/*.c 0*-*/steps/*.c clients/*.c)
elsewhere := $(if $(filter Linux,$(shell uname)),,05-epoll/%)
LDLIBS   ?= $(if $(elsewhere),,-lrt)
modules  := $(patsubst %.h,%.c,$(wildcard 0*-*/*.h clients/*.h))
patches  := $(wildcard 0*-*/patch.c)
programs := $(patsubst %.c,%,$(filter-out $(modules) $(patches) $(elsewhere),\
            $(sources)))
tools    := $(filter clients/%,$(programs))
lessons  := $(patsubst %/server.c,%,$(wildcard 0*-*/server.c))
steps    := $(foreach s,$(wildcard 0*-*/steps/*.c),$(firstword \
            $(subst -, ,$(notdir $s))))
numbers  := $(foreach l,$(lessons),$(firstword $(subst -, ,$l)))
lesson_of = $(firstword $(subst /, ,$1))
step_file = $(wildcard 0*-*/steps/$1-*.c)
server   := $(if $(SERVER),$(abspath $(SERVER)))

play      = SERVER='$(server)' clients/play $(if $(STEP),--step) \
            $(if $(PACE),--pace $(PACE)) $(if $(XRAY),--xray)
need_bats = command -v bats > /dev/null || { echo 'The tests need bats-core:' \
            'apt install bats, dnf install bats or brew install bats-core'; \
            exit 1; }
# Tests mostly wait, so some files of them run at once, each one's output in
# one piece (by -O, where make has it), and awk sums them up.
suites   := $(patsubst tests/%.bats,test-%,$(wildcard tests/*.bats))
together  = -k -j$(shell expr $$(getconf _NPROCESSORS_ONLN) + 2) \
            $(if $(filter output-sync,$(.FEATURES)),-O)
sum_up    = awk '{ print; fflush() } /^1\.\.[0-9]/ { plan += substr($$0, 4) } \
            /^ok/ { ok++ } /^not ok/ { bad++ } / \# skip/ { skipped++ } \
            END { printf "%d tests: %d ok, %d skipped, %d failed\n", plan, \
            ok - skipped, skipped, plan - ok; exit plan == 0 || ok != plan }'
colour   := $(shell diff --color=auto Makefile Makefile 2> /dev/null && \
            echo --color=auto)

.PHONY: help all test clean models $(lessons) $(numbers) $(steps)
.SECONDEXPANSION:
.DELETE_ON_ERROR:

help:
	@sed -n 's/^## \{0,1\}//p' Makefile

## Watch
##   make 03-select              build lesson 03 and play its scene (or: make 03)
##   make 03-select STEP=1       ... waiting for Enter after each sentence
##   make 03-select PACE=0.3     ... this many seconds between two lines (0.8);
##                               Enter ends a pause
##   make 03-select XRAY=1       ... with the server's system calls, live: what
##                               sleeps, what copies, what is refused
##   make 03d                    play or run one step of a lesson; XRAY=1, too
##   make models                 draw the I/O models, from real runs: here, and
##                               as a page for slides, build/models.svg
##   clients/xray -- PROGRAM     the calls of any program; -h
##   clients/load -p 9003        100 clients at once on the server there; -h
##   clients/slow-http           a web server that takes its time, for curl
$(lessons): %: %/server %/client $(tools)
	@$(play) $@/demo.play
	@echo
	@echo 'Next:  $@/server             in one terminal, and'
	@echo '       $@/client             in another one or two'
	@echo '       less $@/server.c      its first lines say where to look'
	@echo '       less $@/README.md     its steps, and what the notes say'
	@echo '       make diff-$@          what is new since the lesson before'
	@echo '       make test-$@          what a server has to stand'

$(numbers): %: $$(firstword $$(filter $$@-$$(PERCENT),$(lessons)))

# 77: the machine lacks what the step is about; a line has said what.
$(steps): %: $$(basename $$(call step_file,$$*)) $(tools)
	@if [ -f $<.play ]; then $(play) $<.play; \
	elif [ -f $<.sh ]; then CC='$(CC)' $<.sh; \
	else $(if $(XRAY),clients/xray --) $< || [ $$? = 77 ]; fi
	@[ ! -t 1 ] || printf '\nNext:  less %s.c\n       make diff-%s\n' $< \
	    $(if $(filter $<,$(filter-out %/01h-late,$(late))),01h-)$@

# The six programs that do the same task; 77: no tracing here, as it has said.
late := $(filter $(basename $(foreach s,01h 02f 02g 03m 05h 07p,$(call \
        step_file,$s))),$(programs))
models: clients/models $(late)
	@clients/models || [ $$? = 77 ]

## Compare
##   make diff-04-poll           what lesson 04 changed since 03
##   make diff-03c               what a step changed since the one before
##   make diff-02d-03k           ... or since any other
diff-%:
	@set -- $(call sides,$*); \
	[ $$# -gt 0 ] || { echo 'No lesson or step $*; there are: $(lessons)$(if \
	    $(steps), $(steps))'; exit 1; }; \
	[ $$# -gt 1 ] || { echo '$* is the first of its kind.'; exit; }; \
	diff -up $(colour) -L $$1 -L $$2 $$1 $$2 || [ $$? = 1 ]

# The two files to compare; one, where nothing is before it; or none.
sides      = $(or $(call up_to,$(wildcard 0*-*/server.c),$(wildcard \
             $1/server.c)),$(call up_to,$(wildcard $(dir $(call \
             step_file,$1))*.c),$(call step_file,$1)),$(call \
             both,$(foreach s,$(subst -, ,$1),$(call step_file,$s))))
up_to      = $(if $2,$(shell printf '%s\n' $(sort $1) | grep -B1 -x '$2'))
both       = $(if $(filter 2,$(words $1)),$1)

## Test (needs bats)
##   make test                   build all and test all: two minutes at most
##   make test-03-select         one lesson
##   make test-03-select SERVER=path/to/yours
##                               your server in the place of the lesson's
##   make tsan-07c               a step under ThreadSanitizer: does it race?
test: all
	@$(need_bats)
	@MAKEFLAGS= $(MAKE) -s $(together) $(suites) SERVER='$(server)' 2>&1 | \
	    $(sum_up)

test-%: $(tools)
	@[ -f tests/$*.bats ] || { echo 'No tests of $*; there are:' \
	    $(basename $(notdir $(wildcard tests/*.bats))); exit 1; }
	@$(need_bats); MAKEFLAGS= SERVER='$(server)' bats tests/$*.bats

# Threads that nobody joins are no mistake in a step that is about them.
tsan-%:
	@set -- $(wildcard 0*/steps/$*-*.c) && [ -n "$$1" ] || \
	    { echo 'No step $*; there are: $(steps)'; exit 1; }; \
	mkdir -p build && $(CC) -std=gnu11 -O1 -g -fsanitize=thread -pthread \
	    -o build/tsan-$* "$$1" && \
	TSAN_OPTIONS="report_thread_leaks=0 $$TSAN_OPTIONS" build/tsan-$*

## Build
##   make all                    everything; CC=clang and CFLAGS=... as usual
##   make clean                  away with what was built
all: $(programs)

$(programs): %: %.c $$(call modules_of,$$@)
	$(CC) -std=gnu11 $(WARNINGS) $(CFLAGS) -pthread -o $@ $(filter %.c,$^) \
	    $(LDLIBS)

includers := $(shell grep -l '^\#include "' $(sources))
modules_of = $(if $(filter $1.c,$(includers)),$(filter \
             $(call lesson_of,$1)/%,$(modules) $(modules:.c=.h)))
PERCENT   := %

clean:
	rm -rf build $(programs) $(addsuffix .dSYM,$(programs))

# A name that is none of ours: say what there is.
unknown := $(filter-out help all test clean models diff-% test-% tsan-% \
           $(lessons) $(numbers) $(steps) $(programs),$(MAKECMDGOALS))
ifneq ($(unknown),)
$(unknown):
	@echo "There is no '$@' here. Lessons: $(lessons)$(if \
	    $(steps),; steps: $(steps)). All commands: make"
	@exit 1
endif
