// The texts that speculation is measured with where none is given: both were written for it.
#include <algorithm>

#include "base/error.h"
#include "base/read_file.h"
#include "commands/bench/speculation_bench.h"

namespace hearth {
namespace {

constexpr const char* kEditPrompt = R"(Rename "total" to "sum_of_prices", add a discount, and show me the whole file.

class Basket:
    def __init__(self, owner):
        self.owner = owner
        self.items = []

    def add(self, name, price, count=1):
        if price < 0:
            raise ValueError("a price is negative")
        for item in self.items:
            if item.name == name and item.price == price:
                item.count += count
                return
        self.items.append(Item(name, price, count))

    def total(self):
        return sum(item.price * item.count for item in self.items)

    def receipt(self):
        lines = [f"Receipt for {self.owner}"]
        for item in self.items:
            lines.append(f"{item.count} x {item.name}: {item.price * item.count:.2f}")
        lines.append(f"Total: {self.total():.2f}")
        return "\n".join(lines)

)";

constexpr const char* kEditAnswer = R"(class Basket:
    def __init__(self, owner, discount=0):
        self.owner = owner
        self.discount = discount
        self.items = []

    def add(self, name, price, count=1):
        if price < 0:
            raise ValueError("a price is negative")
        for item in self.items:
            if item.name == name and item.price == price:
                item.count += count
                return
        self.items.append(Item(name, price, count))

    def sum_of_prices(self):
        full = sum(item.price * item.count for item in self.items)
        return full * (1 - self.discount)

    def receipt(self):
        lines = [f"Receipt for {self.owner}"]
        for item in self.items:
            lines.append(f"{item.count} x {item.name}: {item.price * item.count:.2f}")
        lines.append(f"Total: {self.sum_of_prices():.2f}")
        return "\n".join(lines)
)";

constexpr const char* kProsePrompt = R"(Tell me about the lighthouse keeper.

)";

constexpr const char* kProseAnswer = R"(Nobody in the village could say when Marit had come to the rock. She kept bees
in four white hives behind the tower, though everyone knew that no flower grew within a mile, and twice each summer a
boat brought her sugar, lamp oil and whatever books the schoolmaster had finished with. On clear evenings she counted
ships. She wrote their names into ledgers bound with fishing line: a schooner out of Bergen with one sail patched green,
two grain carriers so low that waves broke over their decks, a yacht whose passengers waved hats. Storms she told of
more briefly, as if paper were dear. "Wind northwest. Glass falling. Light burned." When an inspector finally arrived to
tell her that an electric bulb would replace the lamp, she poured him coffee, asked which make, and inquired politely
who would do the listening. He laughed, then noticed how quiet it had become between gusts; far below, beneath the kelp,
something enormous turned over in its sleep.
)";

}  // namespace

std::vector<SpeculationText> built_in_speculation_texts() {
  return {{"code edit", kEditPrompt, kEditAnswer}, {"prose", kProsePrompt, kProseAnswer}};
}

SpeculationText speculation_text_of(const std::filesystem::path& file) {
  const std::string text = read_file(file);
  if (text.size() < 2) throw InvalidInput(file.string() + ": is no text to take a prompt and an answer from");
  // Not within a character.
  std::size_t half = text.size() / 2;
  while (half + 1 < text.size() && (static_cast<unsigned char>(text[half]) & 0xc0) == 0x80) ++half;
  return {file.filename().string(), text.substr(0, half), text.substr(half)};
}

}  // namespace hearth
