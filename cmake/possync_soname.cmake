# possync_soname(TARGET LIBRARY PREFIX) defines, for the files of TARGET, PREFIX_SONAME as the soname of LIBRARY ("libpq.so.5"), so that what is
# loaded at run time is what the headers are of, and PREFIX_PACKAGE as the Debian package it came from here ("libpq5"), the soname
# where dpkg does not know. What dpkg knows is also added to the global property possync_loaded_packages, which packages recommend.
function(possync_soname target library prefix)
  execute_process(COMMAND "${CMAKE_READELF}" -dW "${library}" OUTPUT_VARIABLE dynamic ERROR_QUIET)
  if(NOT dynamic MATCHES "SONAME[^[]*\\[([^]]+)\\]")
    message(FATAL_ERROR "'${library}' has no soname; is it a shared library?")
  endif()
  set(soname "${CMAKE_MATCH_1}")
  file(REAL_PATH "${library}" real)
  execute_process(COMMAND dpkg-query -S "${real}" OUTPUT_VARIABLE owner ERROR_QUIET RESULT_VARIABLE failed)
  set(package "${soname}")
  if(NOT failed AND owner MATCHES "^([^:]+):")
    set(package "${CMAKE_MATCH_1}")
    set_property(GLOBAL APPEND PROPERTY possync_loaded_packages "${package}")
  endif()
  target_compile_definitions(${target} PRIVATE ${prefix}_SONAME="${soname}" ${prefix}_PACKAGE="${package}")
endfunction()
