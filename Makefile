# maud: `make help` lists the targets.
SWIFT ?= swift

check-embedded: ## Build the daemon as Embedded Swift, all the way to the link
	$(SWIFT) build -c release --toolset boards/linux-host/toolset.json --product maud --scratch-path .build/check-embedded

.PHONY: check-embedded
