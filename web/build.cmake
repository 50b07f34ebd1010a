# cmake -DNPM=npm -DMODE=AUTO|ON -DSOURCE=web -DBINARY=build/web -DPLAIN=plain_page.html -P build.cmake
# Copies the sources beside their packages in the build folder and builds there. BINARY/dist/index.html is there afterwards, always.
file(REMOVE_RECURSE "${BINARY}/dist" "${BINARY}/src" "${BINARY}/public")
foreach(name src public index.html package.json package-lock.json vite.config.ts)
  file(COPY "${SOURCE}/${name}" DESTINATION "${BINARY}")
endforeach()

# Packages are installed once for each lock file.
file(SHA256 "${BINARY}/package-lock.json" wanted)
set(installed "")
if(EXISTS "${BINARY}/node_modules/.installed")
  file(READ "${BINARY}/node_modules/.installed" installed)
endif()
set(said "")
if(NOT installed STREQUAL wanted)
  execute_process(COMMAND "${NPM}" ci --no-audit --no-fund --ignore-scripts WORKING_DIRECTORY "${BINARY}"
    RESULT_VARIABLE result OUTPUT_VARIABLE said ERROR_VARIABLE said)
  if(result EQUAL 0)
    file(WRITE "${BINARY}/node_modules/.installed" "${wanted}")
  elseif(MODE STREQUAL "ON")
    message(FATAL_ERROR "the page's packages cannot be installed:\n${said}")
  else()
    message(WARNING "The page's packages cannot be installed, the plain page is embedded instead:\n${said}")
    file(MAKE_DIRECTORY "${BINARY}/dist")
    configure_file("${PLAIN}" "${BINARY}/dist/index.html" COPYONLY)
    return()
  endif()
endif()

execute_process(COMMAND "${NPM}" run --silent build WORKING_DIRECTORY "${BINARY}" RESULT_VARIABLE result OUTPUT_VARIABLE said ERROR_VARIABLE said)
if(NOT result EQUAL 0)
  file(REMOVE_RECURSE "${BINARY}/dist")
  message(FATAL_ERROR "the page does not build:\n${said}")
endif()

# What the licences of the embedded parts ask for.
set(licenses "")
foreach(part svelte/LICENSE.md uplot/LICENSE @fontsource-variable/inter/LICENSE)
  file(READ "${BINARY}/node_modules/${part}" text)
  get_filename_component(name "${part}" DIRECTORY)
  string(APPEND licenses "${name}\n\n${text}\n\n")
endforeach()
file(WRITE "${BINARY}/dist/licenses.txt" "${licenses}")
