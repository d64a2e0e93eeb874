# Lessons on I/O models in C. `make` prints what you can type.

# CFLAGS comes last in a command, so that yours wins over OPTIMISE, below.
CFLAGS  ?= -g
WARNINGS = -Wall -Wextra -Wshadow -Wpedantic
LINK     = $(CC) -std=gnu11 $(WARNINGS) $(OPTIMISE) $(DEFINE) $(CFLAGS) \
           -pthread
COMPILE  = $(LINK) -MMD -MP -MT $@

lessons := $(patsubst %/server.c,%,$(wildcard 0*/server.c))
numbers := $(foreach lesson,$(lessons),$(firstword $(subst -, ,$(lesson))))
pairs   := $(patsubst %.c,%,$(wildcard 0*/server.c 0*/client.c))
steps   := $(patsubst %.c,%,$(wildcard 0*/steps/*.c))
letters := $(foreach step,$(notdir $(steps)),$(firstword $(subst -, ,$(step))))
tools   := $(addprefix clients/,play load xray models slow-http)
ftp     := $(patsubst %.c,%,$(wildcard 06-selector/ftp/server.c \
           06-selector/ftp/client.c))

# epoll is a part of Linux. Until 2021 aio (07p) was in a library of its own.
ifeq ($(shell uname),Linux)
    LDLIBS ?= -lrt
else
    pairs := $(filter-out 05-epoll/%,$(pairs))
    steps := $(filter-out 05-epoll/%,$(steps))
endif
programs := $(pairs) $(steps) $(ftp) $(tools)

# A student's copies of an exercise's files, and the programs made from them.
mine         := $(patsubst %/,%,$(wildcard 0*/exercises/0[0-9]-[0-9]/))
mine_servers := $(mine:=/server)
my_server    := $(filter $(mine_servers),$(value SERVER))

# A recipe's shell reads SERVER from its environment, so the path may have any
# character. A SERVER that make itself found there stands for no step.
server_from := $(origin SERVER)
ifneq ($(value SERVER),)
    override SERVER := \
        $(if $(filter /%,$(firstword $(value SERVER))),,$(CURDIR)/)$(value SERVER)
endif
play  = clients/play $(if $(STEP),--step) $(if $(PACE),--pace $(PACE)) \
        $(if $(XRAY),--xray)
alone = $(if $(filter environment,$(server_from)),env -u SERVER)
PATH ?= /usr/local/bin:/usr/bin:/bin
export CC PATH SERVER
unexport BASH_ENV CDPATH ENV GREP_COLOR GREP_COLORS GREP_OPTIONS \
         QUOTING_STYLE

.PHONY: help all test faults fuzz museum grade-all course handout clean \
        models todo
.PHONY: $(lessons) $(numbers) $(letters)
.DELETE_ON_ERROR:
.SUFFIXES:

help:
	@sed -n 's/^## \{0,1\}//p' Makefile

## Watch
##   make 03-select              build lesson 03 and play its scene (or: make 03)
##   make 03-select STEP=1       ... waiting for Enter after each sentence
##   make 03-select PACE=0.3     ... this many seconds between two lines (0.8);
##                               Enter ends a pause
##   make 03-select XRAY=1       ... with the server's system calls: which one
##                               slept, which one copied, which one failed
##   make 03d                    play or run one step of a lesson; XRAY=1, too
##   make models                 run and draw the I/O models: on the terminal,
##                               and as a page for slides, build/models.svg
##   make clients/xray           build a tool: xray shows the system calls of
##                               any program, clients/xray -- PROGRAM; -h
##   make clients/load           100 clients at once: clients/load -p 9003; -h
##   make clients/slow-http      a web server that answers late, for curl
$(lessons): %: %/server %/client clients/play $(my_server) \
            $(if $(XRAY),clients/xray)
	@$(play) $@/demo.play
	@clients/next.sh $@

# make 03 is make 03-select.
$(numbers):
	@$(MAKE) --no-print-directory $(wildcard $@-*)

# make 03d builds the step with that name, then plays its scene, or asks its
# question and runs it.
# Exit status 77: the system lacks what the step is about; a line has said it.
step = $(basename $(wildcard 0*/steps/$@-*.c))
$(letters): clients/play $(if $(XRAY),clients/xray)
	@$(MAKE) -s --no-print-directory $(step)
	@[ -f $(step).play ] || clients/ask.sh $(step).c
	@if [ -f $(step).play ]; then $(alone) $(play) $(step).play; \
	elif [ -f $(step).sh ]; then $(step).sh || [ $$? = 77 ]; \
	else $(if $(XRAY),clients/xray --) $(step) || [ $$? = 77 ]; fi
	@clients/next.sh $@
08d: clients/slow-http

# The six programs that do the same task.
late := 01-blocking/steps/01h-late 02-nonblocking/steps/02f-signal-driven \
        02-nonblocking/steps/02g-late 03-select/steps/03m-late \
        05-epoll/steps/05h-io-uring 07-threads-procs/steps/07p-aio
models: clients/models $(filter $(late),$(steps))
	@clients/models || [ $$? = 77 ]

## Compare
##   make diff-04-poll           what lesson 04 changed since 03
##   make diff-03c               what a step changed since the one before
##   make diff-02d-03k           ... or since any other
diff-%:
	@clients/diff.sh $*

## Your turn
##   make todo                   the exercises, and how far you are
##   make todo-03-1              begin one: it writes your file, and says what
##                               to read; RESET=1: once more from the beginning
##   make grade-03-1             what is right, and the first row that is not;
##                               ALL=1: all rows (needs bats)
##   make watch-03-1             the same at every save, until Ctrl-C
##   make hint-03-1              a hint, one at a time
##   make answer-03-1            how the kit does it; before all points: PEEK=1
todo:
	@tests/exercise.sh list

todo-%:
	@RESET='$(RESET)' tests/exercise.sh begin '$*'

hint-% watch-%:
	@tests/exercise.sh $(firstword $(subst -, ,$@)) '$*'

answer-%:
	@PEEK='$(PEEK)' tests/exercise.sh answer '$*'

## Test (needs bats)
##   make test                   build all and test all: about three minutes;
##                               ALL=1: the kit's machinery as well
##   make test-03-select         one lesson
##   make test-03-select SERVER=path/to/yours
##                               your server in the place of the lesson's
##   make faults                 run everything while system calls fail
##   make faults SERVER=path/to/yours FAULT=recv:EINTR=30 SEED=2
##                               your server; one fault; other calls that fail
##   make fuzz                   invented .play files, FTP commands and HTTP
##                               requests; FUZZ=http SECONDS=60: one of them
##   make museum                 mistakes in servers, and the test that sees
##                               each; ONLY=no-bye: one of tests/mutants/
##   make tsan-07c               a step under ThreadSanitizer: does it race?
## Grade (needs bats)
##   make grade-03-select SUBMISSION=dir
##                               points for dir/server.c, and reports for
##                               graders' systems in build/grade/03-select;
##                               SERVER=path: of a program. tests/README.md
##   make grade-all LESSON=03-select SUBMISSIONS=dir
##                               a class, a directory a student, into a CSV
##   make course LESSON=03-select
##                               for Gradescope, GitHub Classroom, Autolab and
##                               students: build/course
##   make handout LESSON=03-select
##                               for students alone: lessons 01 to 03, with the
##                               exercise cut out: build/handout
test: all
	@tests/run.sh

test-%: $(my_server)
	@tests/run.sh $*

grade-all:
	@LESSON='$(LESSON)' SUBMISSIONS='$(SUBMISSIONS)' MODEL='$(MODEL)' \
	    PARTIAL='$(PARTIAL)' tests/grade-all

course:
	@LESSON='$(LESSON)' MODEL='$(MODEL)' tests/course

handout:
	@LESSON='$(LESSON)' EXERCISE='$(EXERCISE)' tests/handout.sh

# 03-1 is an exercise, 03-select a lesson.
grade-%:
	@case '$*' in [0-9][0-9]-[0-9]*) \
	    ALL='$(ALL)' exec tests/exercise.sh grade '$*' ;; esac; \
	SUBMISSION='$(SUBMISSION)' MODEL='$(MODEL)' PARTIAL='$(PARTIAL)' \
	    tests/grade $*

tsan-%:
	@tests/tsan.sh $*

faults: build/faults.so $(if $(SERVER),clients/play clients/load,all)
	@FAULT='$(FAULT)' SEED='$(or $(SEED),1)' \
	    ONLY='$(ONLY)' tests/faults.sh || [ $$? = 77 ]

museum: clients/play clients/load clients/xray
	@tests/museum.sh $(ONLY)

fuzz:
	@FUZZ_SECONDS='$(or $(SECONDS),20)' tests/fuzz.sh $(FUZZ)

# The library that makes system calls fail. macOS cannot load it.
build/faults.so: $(wildcard tests/faults*.c) tests/faults-rules.h
	@mkdir -p build
	$(if $(filter Darwin,$(shell uname)),:,$(CC)) -std=gnu11 $(WARNINGS) \
	    -O1 -g -shared -fPIC -o $@ $(filter %.c,$^) -ldl

## Build
##   make all                    everything; CC=clang and CFLAGS=... as usual
##   make clean                  delete what make has built
all: $(programs)

clean:
	rm -rf build $(programs) $(mine_servers) $(mine:=/program) \
	    $(addsuffix .dSYM,$(programs) $(mine_servers))

# A program is one .c file and the modules that it includes: these objects.
SELECTOR := $(patsubst %,build/06-selector/%.o,selector selector-epoll \
            selector-kqueue selector-poll selector-select)
CO       := $(addprefix build/08-coroutines/,co.o co-stack.o co-swap.o)
CO_IO    := build/08-coroutines/co-io.o
FTP      := $(patsubst %,build/06-selector/ftp/%.o,dispatch commands session \
            lines replies data transfer listing tree accounts deadline log text)
06-selector/server 06-selector/client: $(SELECTOR)
$(filter 06-selector/steps/06b-% 06-selector/steps/06c-% \
    06-selector/steps/06d-%,$(steps)): $(SELECTOR)
06-selector/ftp/server: $(SELECTOR) $(FTP)
06-selector/ftp/client: $(patsubst %,build/06-selector/ftp/%.o,control \
    progress text)
$(filter 08-coroutines/%,$(pairs) $(steps)): $(CO)
$(filter 08-coroutines/%,$(pairs)) \
    08-coroutines/steps/08g-blocking-call: $(CO_IO)
TRACE    := $(patsubst %,build/clients/%.o,trace calls tracee constants \
            timeline figure figure-svg svg)
clients/play: $(patsubst %,build/clients/%.o,actions client-actions stage \
    screen columns peers child guard proc where scene words pattern \
    play-common)
clients/load: $(patsubst %,build/clients/load-%.o,latency report stream)
clients/xray: $(TRACE) build/clients/xray-summary.o
clients/models: $(TRACE) build/clients/figure-text.o

# A module that is missing is made only where its program is too old: so
# another user, who may not write to build/, can run what is built.
.SECONDARY: $(patsubst %.c,build/%.o,$(filter-out $(programs:=.c), \
    $(wildcard clients/*.c 0*/*.c 0*/*/*.c)))

# A student's server: the files of the lesson that are there, and the lesson's
# own for all others. (For some exercises it gets flags: wrap.)
lesson_of = $(firstword $(subst /, ,$(1)))
my_files  = $(filter-out $(1)/client.c,$(filter $(patsubst %,$(1)/%, \
            $(notdir $(wildcard $(call lesson_of,$(1))/*.c))), \
            $(wildcard $(1)/*.c)))
kit_files = $(call lesson_of,$(1))/server.c \
            $(if $(filter 06-%,$(1)),$(SELECTOR)) \
            $(if $(filter 08-%,$(1)),$(CO) $(CO_IO))
$(foreach dir,$(mine),$(eval $(dir)/server: $(call my_files,$(dir)) \
    $(filter-out $(foreach file,$(notdir $(call my_files,$(dir))), \
        %/$(file) %/$(file:.c=.o)),$(call kit_files,$(dir))) \
    $(wildcard $(dir)/*.h)))
$(mine_servers):
	$(LINK) -iquote $(call lesson_of,$@) -o $@ $(filter-out %.h,$^) $(LDLIBS)
	@tests/exercise.sh wrap $@

# -O3 for what carries every byte of the clients: a loop over bytes then works
# on many of them at once. Everything else is to compile fast, and a debugger
# shows each of its lines.
OPTIMISE = -O0
$(lessons:%=%/server) build/06-selector/selector%.o build/08-%.o \
    $(mine_servers): OPTIMISE = -O3
$(filter %/05f-cost %/08f-cost,$(steps)): OPTIMISE = -O3
clients/load build/clients/load-%.o: OPTIMISE = -O1

# Files of more than 2 GiB, also on a machine of 32 bits.
06-selector/ftp/% build/06-selector/ftp/%: DEFINE = -D_FILE_OFFSET_BITS=64

$(programs): %: %.c
	@mkdir -p build/$(@D)
	$(COMPILE) -MF build/$@.d -o $@ $< $(filter %.o,$^) $(LDLIBS)

build/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE) -MF $(@:.o=.d) -c -o $@ $<

-include $(wildcard build/*/*.d build/*/*/*.d) # which headers a file includes

# A name that the kit does not have.
unknown := $(filter-out help all test faults fuzz museum course handout clean \
           models todo todo-% hint-% answer-% watch-% diff-% grade-% test-% \
           tsan-% build/% $(lessons) $(numbers) $(letters) $(programs) \
           $(mine_servers),$(MAKECMDGOALS))
ifneq ($(unknown),)
$(unknown):
	@echo "There is no '$@' here. Lessons: $(lessons); steps:" \
	    "$(letters). All commands: make"
	@exit 1
endif
