# Target headers_alone: a header which leans on what others include before it does not compile. What
# has a source of its name is compiled alone by it, because it includes the header first (arrows_test
# sees to that); each other header gets an object file here. Globbed, because a forgotten header would
# check nothing.

file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}
    events/*.h command-handler/*.h projector/*.h reconciler/*.h tools/*.h tests/support/*.h)

set(alone_sources "")
foreach(header IN LISTS headers)
    string(REGEX REPLACE "\\.h$" ".cc" own_source ${header})
    if(EXISTS ${PROJECT_SOURCE_DIR}/${own_source})
        continue()
    endif()
    set(source ${PROJECT_BINARY_DIR}/headers_alone/${header}.cc)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${header}\"\n" @ONLY)
    list(APPEND alone_sources ${source})
endforeach()

if(alone_sources)
    add_library(headers_alone OBJECT EXCLUDE_FROM_ALL ${alone_sources})
    target_link_libraries(headers_alone PRIVATE vouch_options)
    set_target_properties(headers_alone PROPERTIES UNITY_BUILD OFF)
    # Only the front end's verdict is wanted.
    target_compile_options(headers_alone PRIVATE -O0 -g0)
else()
    add_custom_target(headers_alone)
endif()
