# possync_embed_migrations(TARGET NAMESPACE): the plain SQL files in migrations/ as text in the program, so that a binary needs no
# files beside it.
# A compiler takes no text of any length in one piece.
function(possync_pieces_of text result)
  string(LENGTH "${text}" length)
  set(pieces "")
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${text}" ${at} 15000 piece)
    string(APPEND pieces "R\"sql(${piece})sql\"\n")
    math(EXPR at "${at} + 15000")
  endwhile()
  set(${result} "${pieces}" PARENT_SCOPE)
endfunction()

function(possync_embed_migrations target space)
  file(GLOB migrations CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/migrations/*.sql")
  list(SORT migrations)
  set(embedded "")
  foreach(file IN LISTS migrations)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
    get_filename_component(name "${file}" NAME_WE)
    string(REGEX MATCH "^[0-9]+" number "${name}")
    math(EXPR number "1${number} - 10000")
    file(READ "${file}" text)
    possync_pieces_of("${text}" pieces)
    string(APPEND embedded "    {${number}, \"${name}\", ${pieces}},\n")
  endforeach()
  set(whole "")
  if(EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/schema.sql")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/schema.sql")
    file(READ "${CMAKE_CURRENT_SOURCE_DIR}/schema.sql" text)
    possync_pieces_of("${text}" pieces)
    set(whole "std::string_view embedded_schema() { return \"\" ${pieces}; }\n")
  endif()
  file(CONFIGURE OUTPUT embedded_migrations.cpp @ONLY CONTENT [[
// Made by CMake from migrations/*.sql.
#include "store/@space@/migrations.hpp"

namespace possync::store::@space@ {
namespace {
constexpr Migration embedded[] = {
@embedded@};
}  // namespace
std::span<Migration const> embedded_migrations() { return embedded; }
@whole@}  // namespace possync::store::@space@
]])
  target_sources(${target} PRIVATE "${CMAKE_CURRENT_BINARY_DIR}/embedded_migrations.cpp")
endfunction()
