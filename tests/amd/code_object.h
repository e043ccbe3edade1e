// A code object of AMD's (a .hsaco file) as the imitated GPU runs it: its kernels' instructions, as llvm-objdump writes
// them, with what the loader must know of each (LLVM's "User Guide for AMDGPU Backend", code object version 5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "amd/machine.h"

namespace hearth::amd {

// The scalar registers and arguments that a kernel finds when it starts.
struct Kernel {
  Program program;
  int threads = 0;  // of a block
  std::size_t params_bytes = 0;
  std::size_t shared_bytes = 0;
  std::size_t arguments_bytes = 0;              // the parameters and what the driver adds
  std::map<std::string, std::size_t> hidden;    // where what the driver adds stands: "hidden_block_count_x"
  std::uint32_t resources = 0, properties = 0;  // of its descriptor: compute_pgm_rsrc2, kernel_code_properties
};

// A kernel by its name, which is looked up when it is first launched.
class CodeObject;
struct Function {
  CodeObject* object;
  std::string name;
};

class CodeObject {
 public:
  // `image`: an ELF file, as a driver is given it. It is read when a kernel is first asked for.
  explicit CodeObject(const void* image) : image_(image) {}
  ~CodeObject();
  CodeObject(const CodeObject&) = delete;
  CodeObject& operator=(const CodeObject&) = delete;

  // Disassembled when it is first asked for; null where there is none of this name. Throws DeviceError where LLVM's
  // tools cannot read the image, and where the kernel has an instruction that is not imitated.
  const Kernel* kernel(const std::string& name);
  // A handle for drivers to give out: lives as long as the object.
  Function* function(const std::string& name) {
    return &functions_.try_emplace(name, Function{this, name}).first->second;
  }

 private:
  void read_image();
  bool read_notes(const std::string& name, Kernel& kernel) const;
  void read_descriptor(const std::string& name, Kernel& kernel) const;
  void read_instructions(const std::string& name, Program& program) const;

  const void* image_;
  std::filesystem::path file_;  // a copy for LLVM's tools
  std::string target_;          // "gfx1100"
  std::string tables_;          // its symbols and notes, as llvm-readelf writes them
  std::map<std::string, std::unique_ptr<Kernel>> kernels_;
  std::map<std::string, Function> functions_;
};

// One instruction of a disassembly, without its branch's target. Throws DeviceError where it is not imitated.
Instruction parse_instruction(std::string_view text);

}  // namespace hearth::amd
