# Headers of the standard library and of other packages, compiled once for each build and not once for each file: that
# is most of what a file takes to compile. A target takes one of the three sets.
set(common_headers <algorithm> <array> <bit> <charconv> <cmath> <cstddef> <cstdint> <cstring> <functional>
                   <iterator> <map> <memory> <numeric> <optional> <set> <span> <string> <string_view> <tuple>
                   <unordered_map> <utility> <variant> <vector> <fmt/format.h> <fmt/ranges.h> <boost/json/object.hpp>
                   <boost/json/array.hpp> <boost/json/value.hpp>)
set(server_headers ${common_headers} <chrono> <boost/asio/awaitable.hpp> <boost/asio/steady_timer.hpp>
                   <boost/asio/use_awaitable.hpp> <boost/json/serialize.hpp>)
set(test_headers ${common_headers} <gtest/gtest.h>)

# hearth_precompile(target set): `set` is common, server or test.
function(hearth_precompile target set)
  if(NOT TARGET hearth_${set}_headers)
    add_library(hearth_${set}_headers OBJECT "${PROJECT_SOURCE_DIR}/cmake/headers.cc")
    if(set STREQUAL "test")
      target_link_libraries(hearth_${set}_headers PRIVATE GTest::gtest)
    endif()
    target_precompile_headers(hearth_${set}_headers PRIVATE ${${set}_headers})
  endif()
  target_precompile_headers(${target} REUSE_FROM hearth_${set}_headers)
endfunction()
