# The short commands. Everything is built by CMake under build/; see CMakePresets.json.
.PHONY: all setup demo man test test-agents test-gpu test-page bench soak fuzz format clean

all: setup
	@tools/build release

setup:
	@tools/setup

demo: all
	@tools/demo

man: all
	@build/release/hearth man --out build/man
	@echo "build/man: man -l build/man/hearth.1"

test: setup
	@tools/test

test-page:
	@tools/setup chromium
	@tools/test_page

test-agents: setup
	@tools/test_agents

test-gpu: setup
	@tools/test_gpu

bench: setup
	@tools/build bench

soak: setup
	@tools/soak

fuzz: setup
	@tools/fuzz

format:
	clang-format -i $$(git ls-files '*.cc' '*.h')

clean:
	rm -rf build
