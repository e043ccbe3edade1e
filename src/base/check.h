// CHECK: an invariant of Hearth's own code, tested in every build. A failure prints where and what, and aborts: going
// on with a broken invariant would mean wrong output, which is worse than none.
#pragma once

namespace hearth {

[[noreturn]] void check_failed(const char* file, int line, const char* expression);

}  // namespace hearth

#define CHECK(condition) ((condition) ? static_cast<void>(0) : ::hearth::check_failed(__FILE__, __LINE__, #condition))
