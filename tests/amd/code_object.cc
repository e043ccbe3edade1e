#include "amd/code_object.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <unordered_map>
#include <vector>

#include "base/error.h"

namespace hearth::amd {
namespace {

// What a program writes. Throws DeviceError where it cannot be run.
std::string output_of(const std::string& command) {
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw DeviceError("cannot run " + command);
  std::string output;
  char buffer[65536];
  while (const std::size_t count = std::fread(buffer, 1, sizeof buffer, pipe)) output.append(buffer, count);
  if (::pclose(pipe) != 0) throw DeviceError(command + " failed; tools/setup installs LLVM's tools");
  return output;
}

std::uint64_t parse_hex(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

// "    .key:   value" -> value, where the line has that key.
bool value_of(std::string_view line, std::string_view key, std::string_view& value) {
  const auto at = line.find(key);
  if (at == std::string_view::npos || line.find_first_not_of(" -") != at) return false;
  value = line.substr(at + key.size());
  value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
  return true;
}

std::size_t number_of(std::string_view text) {
  std::size_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Calls function(line) for each.
template <class Function>
void for_lines(std::string_view text, Function function) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    function(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

CodeObject::~CodeObject() {
  std::error_code ignored;
  if (!file_.empty()) std::filesystem::remove(file_, ignored);
}

const Kernel* CodeObject::kernel(const std::string& name) {
  if (const auto found = kernels_.find(name); found != kernels_.end()) return found->second.get();
  if (file_.empty()) read_image();
  auto kernel = std::make_unique<Kernel>();
  if (!read_notes(name, *kernel)) return nullptr;
  read_descriptor(name, *kernel);
  read_instructions(name, kernel->program);
  return kernels_.emplace(name, std::move(kernel)).first->second.get();
}

void CodeObject::read_image() {
  // The table of sections is what an ELF file ends with.
  const auto* bytes = static_cast<const char*>(image_);
  std::uint64_t table = 0;
  std::uint16_t entry_bytes = 0, entries = 0;
  if (std::memcmp(bytes,
                  "\x7f"
                  "ELF",
                  4) != 0)
    throw DeviceError("a code object that is no ELF file");
  std::memcpy(&table, bytes + 0x28, sizeof table);
  std::memcpy(&entry_bytes, bytes + 0x3a, sizeof entry_bytes);
  std::memcpy(&entries, bytes + 0x3c, sizeof entries);

  std::string name = (std::filesystem::temp_directory_path() / "hearth_amd_XXXXXX").string();
  const int descriptor = ::mkstemp(name.data());
  if (descriptor < 0) throw DeviceError("cannot write a code object to " + name);
  ::close(descriptor);
  file_ = name;
  std::ofstream(file_, std::ios::binary).write(bytes, static_cast<std::streamsize>(table + entry_bytes * entries));
  tables_ = output_of("llvm-readelf-19 --notes --symbols --wide " + file_.string());
  for_lines(tables_, [&](std::string_view line) {
    std::string_view target;
    if (value_of(line, "amdhsa.target:", target)) target_ = target.substr(target.rfind('-') + 1);
  });
}

// A kernel's entry begins with its arguments; its name follows them.
bool CodeObject::read_notes(const std::string& name, Kernel& kernel) const {
  bool is_found = false, is_over = false;
  std::size_t offset = 0, bytes = 0;
  for_lines(tables_, [&](std::string_view line) {
    std::string_view value;
    if (is_over) return;
    if (value_of(line, ".args:", value)) {
      is_over = is_found;
      if (!is_over) kernel = {};
    } else if (value_of(line, ".offset:", value)) {
      offset = number_of(value);
    } else if (value_of(line, ".size:", value)) {
      bytes = number_of(value);
    } else if (value_of(line, ".value_kind:", value)) {
      if (value == "by_value")
        kernel.params_bytes = offset + bytes;
      else
        kernel.hidden[std::string(value)] = offset;
    } else if (value_of(line, ".group_segment_fixed_size:", value)) {
      kernel.shared_bytes = number_of(value);
    } else if (value_of(line, ".kernarg_segment_size:", value)) {
      kernel.arguments_bytes = number_of(value);
    } else if (value_of(line, ".max_flat_workgroup_size:", value)) {
      kernel.threads = static_cast<int>(number_of(value));
    } else if (value_of(line, ".wavefront_size:", value)) {
      kernel.program.wave_size = static_cast<int>(number_of(value));
    } else if (value_of(line, ".name:", value)) {
      is_found = value == name;
    }
  });
  return is_found;
}

// The descriptor is the symbol "name.kd" in the object's read-only data.
void CodeObject::read_descriptor(const std::string& name, Kernel& kernel) const {
  std::uint64_t address = 0;
  for_lines(tables_, [&](std::string_view line) {
    // "     2: 0000000000000640    64 OBJECT  GLOBAL PROTECTED     6 name.kd"
    if (!line.ends_with(" " + name + ".kd") || line.find(" OBJECT ") == std::string_view::npos) return;
    line.remove_prefix(line.find(':') + 2);
    address = parse_hex(line.substr(0, line.find(' ')));
  });
  if (address == 0) throw DeviceError("no kernel descriptor of " + name + " in the code object");
  // Read-only data stands in the file where it stands in memory.
  const auto* descriptor = static_cast<const std::byte*>(image_) + address;
  std::uint16_t properties = 0;
  std::memcpy(&kernel.resources, descriptor + 52, sizeof kernel.resources);
  std::memcpy(&properties, descriptor + 56, sizeof properties);
  kernel.properties = properties;
}

void CodeObject::read_instructions(const std::string& name, Program& program) const {
  program.kernel = name;
  program.zeroes_high_halves = target_.starts_with("gfx9");
  program.is_gfx12 = target_.starts_with("gfx12");
  const std::string text =
      output_of("llvm-objdump-19 -d --no-show-raw-insn --disassemble-symbols=" + name + " " + file_.string());
  std::unordered_map<std::uint64_t, int> index_of;
  std::vector<std::pair<std::size_t, std::uint64_t>> branches;  // an instruction, and the address that it names
  std::uint64_t begin = 0;
  const std::string label = " <" + name + ">:", start = "<" + name;
  for_lines(text, [&](std::string_view line) {
    if (line.ends_with(label)) begin = parse_hex(line.substr(0, line.find(' ')));
    const auto comment = line.find("//");
    if (!line.starts_with('\t') || comment == std::string_view::npos) return;
    // "\ts_cbranch_vccnz 27    // 0000000019EC: BFA4001B <activation+0x25c>"
    std::string_view instruction = line.substr(1, line.find_last_not_of(' ', comment - 1));
    if (instruction == "s_code_end") return;  // what fills up the last line of the instruction cache
    const std::string_view place = line.substr(comment + 3);
    index_of[parse_hex(place.substr(0, place.find(':')))] = static_cast<int>(program.instructions.size());
    if (const auto at = place.find(start); at != std::string_view::npos) {
      std::string_view named = place.substr(at + start.size());
      branches.emplace_back(program.instructions.size(),
                            begin + (named.starts_with("+0x") ? parse_hex(named.substr(3)) : 0));
    }
    if (const auto both = instruction.find(" :: "); both != std::string_view::npos) {
      Instruction first = parse_instruction(instruction.substr(0, both));
      first.second = std::make_shared<const Instruction>(parse_instruction(instruction.substr(both + 4)));
      program.instructions.push_back(std::move(first));
    } else {
      program.instructions.push_back(parse_instruction(instruction));
    }
  });
  for (const auto& [instruction, address] : branches) {
    const auto found = index_of.find(address);
    if (found == index_of.end()) throw DeviceError("a branch of " + name + " to no instruction");
    program.instructions[instruction].target = found->second;
  }
  if (program.instructions.empty()) throw DeviceError("no instructions of " + name + " in the code object");
}

}  // namespace hearth::amd
