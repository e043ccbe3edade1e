# Headers of the standard library and of other packages, compiled once for each build and not once for each file: that
# is most of what a file takes to compile. A target takes one of the sets. Those of `server` and `plain_test` compute
# little: under the sanitizers they are not optimized, which takes half as long to compile.
set(common_headers <algorithm> <array> <bit> <charconv> <cmath> <cstddef> <cstdint> <cstring> <functional>
                   <iterator> <map> <memory> <numeric> <optional> <set> <span> <string> <string_view> <tuple>
                   <unordered_map> <utility> <variant> <vector> <fmt/format.h> <fmt/ranges.h> <boost/json/object.hpp>
                   <boost/json/array.hpp> <boost/json/value.hpp>)
set(server_headers ${common_headers} <chrono> <boost/asio/awaitable.hpp> <boost/asio/steady_timer.hpp>
                   <boost/asio/use_awaitable.hpp> <boost/json/serialize.hpp>)
set(test_headers ${common_headers} <gtest/gtest.h>)
set(plain_test_headers ${test_headers})

# hearth_precompile(target set): `set` is common, server, test or plain_test.
function(hearth_precompile target set)
  if(set MATCHES "server|plain_test")
    target_compile_options(${target} PRIVATE $<$<CONFIG:Sanitize>:-O0>)
  endif()
  if(NOT TARGET hearth_${set}_headers)
    add_library(hearth_${set}_headers OBJECT "${PROJECT_SOURCE_DIR}/cmake/headers.cc")
    if(set MATCHES "server|plain_test")
      target_compile_options(hearth_${set}_headers PRIVATE $<$<CONFIG:Sanitize>:-O0>)
    endif()
    if(set MATCHES "test")
      target_link_libraries(hearth_${set}_headers PRIVATE GTest::gtest)
    endif()
    target_precompile_headers(hearth_${set}_headers PRIVATE ${${set}_headers})
  endif()
  target_precompile_headers(${target} REUSE_FROM hearth_${set}_headers)
endfunction()
