# vouch_base     what every object of one build must agree on: include root, sanitizers, linker.
#                For generated code, which need not be free of warnings.
# vouch_options  vouch_base and the project's warnings. For all code written by hand.
#
# Both are linked PUBLIC by the libraries, so that their users get the include root.
#
# vouch_unoptimised  for code that waits for others, or runs once: but in a release, optimising it takes the compiler
#                    longer than it ever runs. Linked last: the last option counts.

add_library(vouch_base INTERFACE)
target_compile_features(vouch_base INTERFACE cxx_std_20)
target_include_directories(vouch_base INTERFACE ${PROJECT_SOURCE_DIR})
target_link_libraries(vouch_base INTERFACE Threads::Threads)
# g++ 12.2 and Clang 16 both reuse coroutine frames wrongly in Asio 1.81 under load; the macro must
# be the same in every object that includes Asio.
target_compile_definitions(vouch_base INTERFACE BOOST_ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING)

if(MOLD_PROGRAM)
    target_link_options(vouch_base INTERFACE -fuse-ld=mold)
endif()

if(VOUCH_SANITIZE)
    # vptr would need the type information of RocksDB's classes, which its shared library keeps to itself.
    target_compile_options(vouch_base INTERFACE
        -fsanitize=${VOUCH_SANITIZE} -fno-sanitize=vptr -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(vouch_base INTERFACE -fsanitize=${VOUCH_SANITIZE})
endif()

if(VOUCH_LTO)
    target_compile_options(vouch_base INTERFACE -flto=auto -fno-fat-lto-objects)
    target_link_options(vouch_base INTERFACE -flto=auto)
endif()

add_library(vouch_options INTERFACE)
target_link_libraries(vouch_options INTERFACE vouch_base)
target_compile_options(vouch_options INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wswitch-enum
    $<$<BOOL:${VOUCH_WERROR}>:-Werror>)
# GCC 12 at -O3 sees overlapping copies in std::string's own code, which are none (its bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(vouch_options INTERFACE $<$<CONFIG:Release>:-Wno-restrict>)
endif()

add_library(vouch_unoptimised INTERFACE)
target_compile_options(vouch_unoptimised INTERFACE $<$<NOT:$<CONFIG:Release>>:-O0>)
