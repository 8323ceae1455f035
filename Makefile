# The doors of the project. CI and people use these targets and nothing else.

# Tools are built once per version, into target/tools; there they are found again.
CARGO_DENY := 0.20.2
CARGO_MACHETE := 0.9.2
DENY := target/tools/cargo-deny-$(CARGO_DENY)/bin/cargo-deny
MACHETE := target/tools/cargo-machete-$(CARGO_MACHETE)/bin/cargo-machete

.DEFAULT_GOAL := help
.PHONY: help check fmt clippy house deny machete test test-clients faults demo bench bench-org

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

check: fmt clippy house deny machete ## formatting, lints, house rules, dependencies (first: about two minutes for the tools)

test: ## every test, with a PostgreSQL and a RabbitMQ of its own; ARGS="-p queue" for one crate
	@bash tests/run $(ARGS)

test-clients: ## other people's Salesforce clients against the rehearsal org, and Snowfakery's data through Stevedore; ARGS="jsforce snowfakery=5000" for some
	@bash tests/clients/run $(ARGS)

faults: ## 100,000 accounts with three contacts each into an org that fails in every way it can (some ten minutes, after an optimised build)
	@STEVEDORE_TEST_ACCOUNTS=100000 bash tests/run --release -p stevedore --test org-faults -- --nocapture --test-threads 1

demo: ## a legacy CRM from SQLite into a rehearsal org, on this machine alone
	@bash tests/demo/run

bench: ## rows per second beside a raw COPY, and peak memory
	@bash tests/bench/run

bench-org: ## one CSV into an org by a bare loop, other clients and us, side by side; CLIENTS="bare stevedore" SIZES=100000
	@bash tests/bench/org/run

fmt:
	cargo fmt --all --check

clippy:
	cargo clippy --workspace --all-targets --locked -- -D warnings

# Which crate may use which, and how long a file may be.
house:
	cargo test --locked --quiet -p stevedore --test house

# Reads the packages of every platform, so the first time cargo fetches those that this one lacks;
# after that no network is needed. Advisories need their database; ADVISORIES=1 looks them up too.
deny: $(DENY)
	$(DENY) --locked check bans licenses sources
ifdef ADVISORIES
	$(DENY) --locked check advisories
endif

machete: $(MACHETE)
	$(MACHETE) --skip-target-dir .

# Unoptimised: built in a minute, and still done with its work in seconds.
$(DENY):
	cargo install --locked --debug --version $(CARGO_DENY) --root target/tools/cargo-deny-$(CARGO_DENY) cargo-deny

$(MACHETE):
	cargo install --locked --debug --version $(CARGO_MACHETE) --root target/tools/cargo-machete-$(CARGO_MACHETE) cargo-machete
