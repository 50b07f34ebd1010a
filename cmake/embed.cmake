# cmake -DFOLDER=... -DOUTPUT=assets_table.cpp -P embed.cmake: every file of FOLDER, compressed, into one source with .incbin and a table
# (src/http/assets.hpp). Vite's hashed names, in assets/, never change their content.
file(GLOB_RECURSE files RELATIVE "${FOLDER}" "${FOLDER}/*")
list(SORT files)
get_filename_component(work "${OUTPUT}" DIRECTORY)
set(bytes "")
set(declarations "")
set(rows "")
set(number 0)
set(count 0)
foreach(file ${files})
  if(file MATCHES "\\.map$")
    continue()
  endif()
  set(packed "${work}/asset_${number}.gz")
  # Packed from within the folder, under no path: the same bytes on every machine.
  file(ARCHIVE_CREATE OUTPUT "${packed}" PATHS "${FOLDER}/${file}" FORMAT raw COMPRESSION GZip MTIME 0)
  file(SIZE "${packed}" size)
  set(type "application/octet-stream")
  foreach(pair "html=text/html; charset=utf-8" "js=text/javascript; charset=utf-8" "css=text/css; charset=utf-8" "svg=image/svg+xml"
               "png=image/png" "ico=image/x-icon" "json=application/json" "woff2=font/woff2" "txt=text/plain; charset=utf-8"
               "webmanifest=application/manifest+json")
    string(REGEX MATCH "^([a-z0-9]+)=" unused "${pair}")
    if(file MATCHES "\\.${CMAKE_MATCH_1}$")
      string(REGEX REPLACE "^[a-z0-9]+=" "" type "${pair}")
      break()
    endif()
  endforeach()
  set(immutable "false")
  if(file MATCHES "^assets/.*-[A-Za-z0-9_-]+\\.[a-z0-9]+$")
    set(immutable "true")
  endif()
  string(APPEND bytes "    \"asset_${number}: .incbin \\\"${packed}\\\"\\n\"\n    \".byte 0\\n\"\n")
  string(APPEND declarations "extern \"C\" char const asset_${number}[];\n")
  string(APPEND rows "    Asset{\"/${file}\", \"${type}\", {asset_${number}, ${size}}, ${immutable}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUTPUT}" "// Written by cmake/embed.cmake.
#include <array>

#include \"http/assets.hpp\"

__asm__(
    \".section .rodata\\n\"
${bytes}    \".text\\n\");
${declarations}
namespace possync::http {
namespace {
std::array const table{
${rows}};
}  // namespace
std::span<Asset const> assets() { return table; }
}  // namespace possync::http
")
