// What follows from the command line's own description of itself: the man page, the completions of shells, and what a wrong word
// is answered. They are made by the program that they describe, the first two at build time, so none of them can name a command
// or an option that it does not have, or leave one out.
#pragma once

#include <string>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace possync::app {

/// possync(1) as troff.
[[nodiscard]] std::string man_page(CLI::App const& app, std::string const& version);
[[nodiscard]] std::string bash_completion(CLI::App const& app);
[[nodiscard]] std::string zsh_completion(CLI::App const& app);
[[nodiscard]] std::string fish_completion(CLI::App const& app);

/// Of the command that was parsed: "flex fetch"; empty: none was.
[[nodiscard]] std::string command_words(CLI::App const& app);

/// One line: which word is wrong, what was probably meant, and where the right ones are. `error` came from parsing with this app.
[[nodiscard]] std::string usage_error(CLI::App const& app, CLI::ParseError const& error);

}  // namespace possync::app
