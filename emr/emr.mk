# The cluster's life and the jobs on it. Variables: TARGET=cluster|serverless, DATA=FOLDER|s3://...,
# ARGS="the job's options", NAME=part of the run's name, MINUTES=the most a serverless job may take,
# STEP=the run's identifier, YES=1 to be asked nothing, FORCE=1 to end what runs.

EMR = $(PYTHON) -m emr
EMR_TARGET = $(if $(TARGET),--target $(TARGET))
EMR_YES = $(if $(filter 1 y yes true,$(YES)),--yes)
EMR_FORCE = $(if $(filter 1 y yes true,$(FORCE)),--force)
EMR_JOB = $(if $(DATA),--data "$(DATA)") $(if $(NAME),--name "$(NAME)") $(if $(MINUTES),--minutes $(MINUTES))

.PHONY: package emr-doctor emr-smoke emr-plan emr-up emr-down submit-outer submit-inner
.PHONY: emr-status emr-logs emr-follow emr-cancel emr-cost

package: setup  ## Build dist/ridge_spark.zip for clusters
	@$(EMR) package

emr-doctor: setup  ## What emr-up needs, and why the last start failed
	@$(EMR) doctor $(EMR_TARGET)

emr-plan: setup  ## What emr-up would make, and what it costs an hour
	@$(EMR) plan $(EMR_TARGET)

emr-up: setup  ## Make the EMR cluster and everything it needs
	@$(EMR) up $(EMR_TARGET) $(EMR_YES) $(EMR_FORCE)

emr-down: setup  ## Destroy it all
	@$(EMR) down $(EMR_YES)

submit-outer submit-inner: submit-%: setup  ## Run a job on EMR and fetch its result
	@$(EMR) submit $* $(EMR_TARGET) $(EMR_JOB) -- $(ARGS)

emr-smoke: setup  ## All of it once, with a transcript to send back
	@$(EMR) smoke $(EMR_TARGET) $(EMR_YES)

emr-status: setup  ## The cluster and its latest runs
	@$(EMR) status

emr-logs: setup  ## The driver's output of STEP, or of the latest run
	@$(EMR) logs $(STEP)

emr-follow: setup  ## Wait for STEP, or the latest run; fetch its result
	@$(EMR) follow $(STEP)

emr-cancel: setup  ## Cancel STEP
	@$(EMR) cancel $(STEP)

emr-cost: setup  ## What STEP, or the latest run, cost
	@$(EMR) cost $(STEP)

lint: lint-terraform

.PHONY: lint-terraform
lint-terraform: $(READY)
	@if ! command -v terraform >/dev/null; then \
	  echo "terraform is not on PATH: its files are not checked" >&2; exit 0; fi; \
	terraform fmt -check -recursive terraform && $(EMR) validate
