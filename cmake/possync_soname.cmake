# possync_soname(TARGET LIBRARY DEFINITION) defines DEFINITION, for the files of TARGET, as the soname of LIBRARY ("libpq.so.5"): what is
# loaded at run time is what the headers are of.
find_program(READELF_PROGRAM NAMES readelf llvm-readelf-19 llvm-readelf REQUIRED)
function(possync_soname target library definition)
  execute_process(COMMAND "${READELF_PROGRAM}" -dW "${library}" OUTPUT_VARIABLE dynamic ERROR_QUIET)
  if(NOT dynamic MATCHES "\\(SONAME\\)[^[]*\\[([^]]+)\\]")
    message(FATAL_ERROR "${library} has no soname; is it a shared library?")
  endif()
  target_compile_definitions(${target} PRIVATE ${definition}="${CMAKE_MATCH_1}")
endfunction()
