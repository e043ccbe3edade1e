# The short commands. Everything is built by CMake under build/; see CMakePresets.json.
.PHONY: all setup demo test bench fuzz format clean

all: setup
	@tools/build release

setup:
	@tools/setup

demo: all
	@tools/demo

test: setup
	@tools/test

bench: setup
	@tools/build bench

fuzz: setup
	@tools/fuzz

format:
	clang-format -i $$(git ls-files '*.cc' '*.h')

clean:
	rm -rf build
