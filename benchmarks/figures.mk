# `make figures`: measure what has not been measured yet, then draw everything into figures/. With
# QUICK=1, from quick measurements.

BENCH := runs/bench$(if $(QUICK),/quick)
MEASURED := $(addprefix $(BENCH)/,amdahl.json spark_speedup.json report_baseline.json hybrid.json)
TRAINED := $(addprefix $(BENCH)/,outer/result.json inner/result.json)
SAMPLED := $(MNIST) $(patsubst %/train,%,$(wildcard data/hands*/train))

.PHONY: figures

figures: $(MEASURED) $(TRAINED)  ## Measure and draw figures/ (half an hour; QUICK=1)
	$(PYTHON) benchmarks/report_figures.py --data $(SAMPLED) --bench $(BENCH) --out figures

$(MEASURED): $(BENCH)/%.json: | $(READY) $(MNIST)
	$(PYTHON) benchmarks/$*.py --data $(MNIST) --json $@ $(if $(QUICK),--quick)

$(TRAINED): $(BENCH)/%/result.json: | $(PROGRAM) $(MNIST)
	$(VENV)/bin/ridge-spark train --engine $* --data $(MNIST) --out $(BENCH)/$*
