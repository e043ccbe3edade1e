#!/usr/bin/env python3
"""Checks the code objects of a release build without a GPU: tests/test_gpu_objects.py BUILD_DIR

Every kernel of gpu_kernel_list.h is in its object, for every target; AMD's kernels spill nothing and use no scratch
memory, and keep to the budgets of registers and shared memory; none of them uses a flat address. No product of Hopper's
warpgroups waits for the one before.
"""
import functools
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
AMD_TARGETS = ["gfx90a", "gfx942", "gfx1100", "gfx1151", "gfx1201"]
VECTOR_REGISTERS_MAX = 256  # of a wave; more would not be spills but half the waves, and on RDNA there are none
SHARED_BYTES_MAX = 48 << 10  # what every GPU gives a block without being asked

BUILD = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else ROOT / "build/release"


def listed_kernels():
    """(kernels of every target, those of sm_90a alone), each (module, name)."""
    text = (ROOT / "src/kernels/gpu/gpu_kernel_list.h").read_text()
    common, hopper = text.split("#define HEARTH_HOPPER_KERNELS")
    pattern = r"X\((\w+), (\w+)\)"
    return re.findall(pattern, common.split("#define HEARTH_GPU_KERNELS")[1]), \
        re.findall(pattern, hopper.split("namespace hearth")[0])


@functools.cache
def elf_symbols(path):
    """Names in the symbol tables of a 64-bit little-endian ELF file: what cubin and hsaco files are."""
    data = path.read_bytes()
    assert data[:6] == b"\x7fELF\x02\x01", path
    section_offset, = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, section_offset + i * size) for i in range(count)]
    names = set()
    for section in sections:
        if section[1] not in (2, 11):  # SHT_SYMTAB, SHT_DYNSYM
            continue
        strings = sections[section[6]]
        for at in range(section[4], section[4] + section[5], section[9]):
            start = strings[4] + struct.unpack_from("<I", data, at)[0]
            names.add(data[start:data.index(b"\0", start)].decode())
    return names


def amd_usage(report):
    """Kernel name -> what clang's remarks say of it."""
    kernels, current = {}, None
    for label, value in re.findall(r"remark:\s+(Function Name|[A-Za-z ]+?(?: \[[^]]*\])?): (\S+)", report.read_text()):
        if label == "Function Name":
            current = kernels.setdefault(value, {})
        elif current is not None:
            current[label] = value
    return kernels


class GpuObjects(unittest.TestCase):
    def test_every_kernel_is_in_every_object(self):
        common, hopper = listed_kernels()
        targets = {path.name.split(".")[1]: path.suffix for path in BUILD.glob("*_gpu.*") if path.suffix != ".txt"
                   and path.suffix in (".cubin", ".hsaco")}
        self.assertTrue(targets, "no code objects in " + str(BUILD))
        for target, suffix in targets.items():
            for module, name in common + (hopper if target == "sm_90a" else []):
                path = BUILD / f"{module}.{target}{suffix}"
                self.assertIn(name, elf_symbols(path), path)

    def test_amd_kernels_spill_nothing_and_keep_to_the_budget(self):
        for target in AMD_TARGETS:
            reports = sorted(BUILD.glob(f"*.{target}.hsaco.txt"))
            self.assertTrue(reports, f"no objects for {target}; was clang++-19 there?")
            for report in reports:
                usage = amd_usage(report)
                self.assertTrue(usage, report)
                for name, kernel in usage.items():
                    with self.subTest(target=target, kernel=name):
                        self.assertEqual(kernel["VGPRs Spill"], "0")
                        self.assertEqual(kernel["SGPRs Spill"], "0")
                        self.assertEqual(kernel["ScratchSize [bytes/lane]"], "0")
                        self.assertLessEqual(int(kernel["VGPRs"]), VECTOR_REGISTERS_MAX)
                        self.assertLessEqual(int(kernel["LDS Size [bytes/block]"]), SHARED_BYTES_MAX)

    def test_hopper_products_are_asynchronous(self):
        # Where registers of a product under way are touched, ptxas makes every product wait, and says so in passing.
        for report in sorted(BUILD.glob("*_hopper_gpu.sm_90a.cubin.txt")):
            self.assertNotIn("wgmma.mma_async instructions are serialized", report.read_text(encoding="utf-8"), report)

    def test_amd_kernels_use_no_flat_addresses(self):
        disassembler = shutil.which("llvm-objdump-19")
        self.assertIsNotNone(disassembler, "llvm-objdump-19 was not found; tools/setup installs it")
        for path in sorted(BUILD.glob("*.gfx*.hsaco")):
            text = subprocess.run([disassembler, "-d", path], check=True, capture_output=True, text=True).stdout
            self.assertNotRegex(text, r"\bflat_(load|store|atomic)", str(path))
            self.assertNotRegex(text, r"\b(buffer_(load|store)|ds_swizzle|v_\w+_dpp8)", str(path))


if __name__ == "__main__":
    unittest.main()
