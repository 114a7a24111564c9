# Everything a learner or a maintainer runs. CI calls only these.
#   make lab        your copies, opened in JupyterLab      make work      your copies alone, in work/
#   make test       all tests, every notebook re-executed  make check     stamps and style, in seconds
#   make run NB=…   execute and stamp one notebook         make evidence NB=…   its runs over all seeds
#   make new NB=…   start a lesson from the template       make time      count and write the lessons' minutes
#   make restamp    execute what is behind its code        make bench     the fast recipe of lesson 3.2, timed
#   make assistant  drop an image into a page, get a finding
#   make node       receive images by DICOM, answer to an archive
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
NB     ?=
ARGS   ?=
TESTS  ?= tests episodes
# more than the course itself needs, with commas between: make environment EXTRAS=dev,assistant
EXTRAS ?=
READY  := $(VENV)/.ready$(if $(EXTRAS),-$(EXTRAS))
# Two processes of one thread each: threads that wait for each other are slower than one.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
TOGETHER   := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: lab work test check run new time restamp evidence bench assistant node environment
lab: environment
	@echo "Opening JupyterLab on your copies in work/. Stop it with Ctrl-C in this window."
	@$(BIN)/python -m tools.lab $(ARGS)

work: environment
	@$(BIN)/python -m tools copies

test: environment
	@echo "Running $(TESTS); each notebook among them is executed. All of it takes about 20 minutes on two idle cores."
	@$(ONE_THREAD) $(BIN)/python -m pytest $(TESTS) $(TOGETHER) $(ARGS)

check: environment
	@$(BIN)/ruff check .
	@$(BIN)/python -m tools verify
	@$(BIN)/python -m pytest tests/test_notebooks.py tests/test_course.py -k "not outputs_are_those" $(ARGS)

run: environment
	@$(BIN)/python -m tools run $(NB) $(ARGS)

new: environment
	@$(BIN)/python -m tools new $(NB)

time: environment
	@$(BIN)/python -m tools time $(NB)

restamp: environment
	@$(BIN)/python -m tools restamp $(NB) $(ARGS)

evidence: environment
	@$(BIN)/python -m tools evidence $(NB) $(ARGS)

bench: environment
	@$(BIN)/python -m tools evidence bench $(ARGS)

assistant:
	@$(MAKE) -s --no-print-directory environment EXTRAS=assistant
	@$(BIN)/python -m assistant.web $(ARGS)

node:
	@$(MAKE) -s --no-print-directory environment EXTRAS=assistant
	@$(BIN)/python -m assistant.node $(ARGS)

environment: $(READY)

$(READY): requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { found="is $$($(PYTHON) --version 2>/dev/null)" || found="does not start"; \
	    echo "The course needs Python 3.11 or newer; $(PYTHON) $$found."; \
	    echo "If you have a newer one, name it: make lab PYTHON=python3.12. If not, see Start in README.md."; exit 1; }
	@echo "Setting up the course's own environment in $(VENV): 3 to 10 minutes, once; PyTorch is the big part."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "Python cannot make environments here. On Debian or Ubuntu: sudo apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt \
	    $(if $(EXTRAS),-e ".[$(EXTRAS)]") -c constraints.txt || \
	  { echo "Installing failed; the lines above say why. No network? Run the same command again later: it goes on where it stopped."; exit 1; }
	@touch $(VENV)/.ready "$(READY)"
	@echo "The environment is ready."
