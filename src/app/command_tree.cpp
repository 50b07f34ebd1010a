#include "app/command_tree.hpp"

#include <algorithm>
#include <regex>
#include <sstream>
#include <vector>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include "app/nearest.hpp"
#include "query/table.hpp"

namespace possync::app {

namespace {

std::vector<CLI::App const*> commands_of(CLI::App const& app) {
    return app.get_subcommands([](CLI::App const* each) { return !each->get_group().empty(); });
}

std::vector<CLI::Option const*> options_of(CLI::App const& app) {
    return app.get_options([](CLI::Option const* each) { return !each->get_group().empty(); });
}

bool takes_value(CLI::Option const& option) { return option.get_expected_max() > 0; }

/// -h, --help as the shell sees them.
std::vector<std::string> spellings(CLI::Option const& option) {
    std::vector<std::string> result;
    for (auto const& name : option.get_snames())
        result.push_back("-" + name);
    for (auto const& name : option.get_lnames())
        result.push_back("--" + name);
    return result;
}

std::string joined(std::vector<std::string> const& words, std::string_view between) {
    std::string text;
    for (auto const& word : words)
        text += (text.empty() ? "" : std::string(between)) + word;
    return text;
}

/// Text that troff prints as it stands.
std::string troff(std::string_view text) {
    std::string result;
    for (char const c : text) {
        if ((c == '.' || c == '\'') && (result.empty() || result.back() == '\n')) result += "\\&";
        if (c == '\\') {
            result += "\\e";
        } else if (c == '-') {
            result += "\\-";
        } else {
            result += c;
        }
    }
    return result;
}

void add_options(std::string& page, CLI::App const& app, bool positionals) {
    for (auto const* option : options_of(app)) {
        if (option->get_positional() != positionals) continue;
        if (app.get_parent() != nullptr && option == app.get_help_ptr()) continue;  // said once
        std::string names;
        for (auto const& name : spellings(*option))
            names += (names.empty() ? "" : "\\fR, \\fB") + troff(name);
        page += ".TP\n";
        if (positionals) {
            page += fmt::format("\\fI{}\\fR\n", troff(option->get_name()));
        } else {
            page += fmt::format("\\fB{}\\fR{}\n", names, takes_value(*option) ? " \\fIVALUE\\fR" : "");
        }
        std::string help = option->get_description();
        if (auto const value = option->get_default_str(); !value.empty() && takes_value(*option)) {
            help += fmt::format(" (default: {})", value);
        }
        page += troff(help) + "\n";
    }
}

/// Examples and remarks keep their lines.
void add_footer(std::string& page, CLI::App const& app) {
    if (app.get_footer().empty()) return;
    if (auto const* parent = app.get_parent(); parent != nullptr && parent->get_footer() == app.get_footer())
        return;  // inherited
    page += ".PP\n.nf\n" + troff(app.get_footer()) + "\n.fi\n";
}

void add_command(std::string& page, CLI::App const& command, std::string const& name) {
    std::string usage;
    for (auto const* option : options_of(command)) {
        if (option->get_positional()) usage += fmt::format(" \\fI{}\\fR", troff(option->get_name()));
    }
    bool const leads_on = !commands_of(command).empty();
    page += fmt::format(".SS \"{}\"\n\\fBpossync {}\\fR{}{}\n.PP\n{}.\n", troff(name), troff(name), usage,
                        leads_on ? " \\fICOMMAND\\fR" : " [\\fIOPTIONS\\fR]", troff(command.get_description()));
    add_options(page, command, true);
    add_options(page, command, false);
    add_footer(page, command);
    for (auto const* each : commands_of(command))
        add_command(page, *each, name + " " + each->get_name());
}

std::string one_line(std::string text) {
    for (char& c : text) {
        if (c == '\n') c = ' ';
    }
    return text;
}

/// Between single quotes, for a shell.
std::string in_shell_quotes(std::string_view text) {
    std::string result = "'";
    for (char const c : text)
        result += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return result + "'";
}

/// Calls `visit(words, app)` for the program ("") and every command ("flex fetch").
template <typename Visit>
void walk(CLI::App const& app, std::string const& words, Visit const& visit) {
    visit(words, app);
    for (auto const* each : commands_of(app))
        walk(*each, words.empty() ? each->get_name() : words + " " + each->get_name(), visit);
}

}  // namespace

std::string man_page(CLI::App const& app, std::string const& version) {
    std::string page = fmt::format(".TH POSSYNC 1 \"\" \"possync {}\" \"User Commands\"\n", version);
    page += ".SH NAME\npossync \\- keep a SQL database in lockstep with Interactive Brokers accounts\n";
    page += ".SH SYNOPSIS\n\\fBpossync\\fR [\\fIOPTIONS\\fR] \\fICOMMAND\\fR ...\n";
    page += ".SH DESCRIPTION\n" + troff(app.get_description()) + "\n.SH OPTIONS\nThey may stand before or after the command.\n";
    add_options(page, app, false);
    page += ".SH COMMANDS\n";
    for (auto const* each : commands_of(app))
        add_command(page, *each, each->get_name());
    page += ".SH FILES\n.TP\n\\fI/etc/possync/possync.toml\\fR\nThe configuration, where neither \\-\\-config nor "
            "$POSSYNC_CONFIG names another and there is no ./possync.toml.\n";
    page += ".TP\n\\fI/var/lib/possync/possync.db\\fR\nThe database of the service that the Debian package sets up.\n";
    page += ".SH ENVIRONMENT\nEvery key of the configuration, as POSSYNC_SECTION_KEY: $POSSYNC_DATABASE_URL, "
            "$POSSYNC_GATEWAY_PORT.\nNO_COLOR switches colours off.\n";
    page += ".SH EXAMPLES\n";
    add_footer(page, app);
    page += ".SH SEE ALSO\n/usr/share/doc/possync, \\fBsystemctl\\fR(1), \\fBsqlite3\\fR(1)\n";
    return page;
}

std::string bash_completion(CLI::App const& app) {
    std::string text =
        "# bash completion of possync; made by `possync generate bash`.\n"
        "_possync()\n{\n"
        "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command= i words= values=\n"
        "    COMPREPLY=()\n"
        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
        "        case \"$command/${COMP_WORDS[i]}\" in\n";
    walk(app, "", [&](std::string const& words, CLI::App const& each) {
        for (auto const* command : commands_of(each)) {
            text += fmt::format("            \"{}/{}\") command=\"{}\" ;;\n", words, command->get_name(),
                                words.empty() ? command->get_name() : words + " " + command->get_name());
        }
    });
    text += "        esac\n    done\n    case \"$command\" in\n";
    std::vector<std::string> global;
    std::vector<std::string> global_values;
    for (auto const* option : options_of(app)) {
        for (auto const& name : spellings(*option)) {
            global.push_back(name);
            if (takes_value(*option)) global_values.push_back(name);
        }
    }
    walk(app, "", [&](std::string const& words, CLI::App const& each) {
        std::vector<std::string> all;
        std::vector<std::string> values = global_values;
        for (auto const* command : commands_of(each))
            all.push_back(command->get_name());
        for (auto const& name : global)
            all.push_back(name);
        if (&each != &app) {
            for (auto const* option : options_of(each)) {
                for (auto const& name : spellings(*option)) {
                    if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
                    if (takes_value(*option)) values.push_back(name);
                }
            }
        }
        text += fmt::format("        \"{}\") words=\"{}\"; values=\" {} \" ;;\n", words, joined(all, " "), joined(values, " "));
    });
    text += "    esac\n"
            "    if [[ $previous == -* && $values == *\" $previous \"* ]]; then\n"
            "        COMPREPLY=($(compgen -f -- \"$current\"))\n"
            "    else\n"
            "        COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
            "        [[ $current == -* || -z $command ]] || COMPREPLY+=($(compgen -f -- \"$current\"))\n"
            "    fi\n"
            "}\n"
            "complete -o filenames -F _possync possync\n";
    return text;
}

std::string zsh_completion(CLI::App const& app) {
    // The colon divides name from description, and brackets enclose it.
    auto const described = [](std::string text) {
        std::string result;
        for (char const c : one_line(std::move(text))) {
            if (c == ':' || c == '[' || c == ']' || c == '\\') result += '\\';
            result += c;
        }
        return result;
    };
    auto const arguments = [&](CLI::App const& of) {
        std::string result;
        for (auto const* option : options_of(of)) {
            for (auto const& name : spellings(*option)) {
                result +=
                    " \\\n            " + in_shell_quotes(fmt::format("{}[{}]{}", name, described(option->get_description()),
                                                                      takes_value(*option) ? ":value:_files" : ""));
            }
        }
        return result;
    };
    std::string text = "#compdef possync\n# zsh completion of possync; made by `possync generate zsh`.\n\n_possync() {\n"
                       "    local curcontext=\"$curcontext\" state line command word\n"
                       "    integer i\n"
                       "    for ((i = 2; i < CURRENT; i++)); do\n"
                       "        word=${words[i]}\n        case \"$command/$word\" in\n";
    walk(app, "", [&](std::string const& words, CLI::App const& each) {
        for (auto const* command : commands_of(each)) {
            text += fmt::format("            \"{}/{}\") command=\"{}\" ;;\n", words, command->get_name(),
                                words.empty() ? command->get_name() : words + " " + command->get_name());
        }
    });
    text += "        esac\n    done\n    case \"$command\" in\n";
    walk(app, "", [&](std::string const& words, CLI::App const& each) {
        text += fmt::format("        \"{}\")\n", words);
        if (!commands_of(each).empty()) {
            text += "            local -a possync_commands=(";
            for (auto const* command : commands_of(each)) {
                text += "\n                " + in_shell_quotes(command->get_name() + ":" + one_line(command->get_description()));
            }
            text += ")\n            [[ $PREFIX == -* ]] || _describe command possync_commands\n";
        }
        text += "            _arguments -S" + arguments(app) + (&each == &app ? "" : arguments(each)) +
                " \\\n            '*:file:_files'\n            ;;\n";
    });
    return text + "    esac\n}\n\n_possync \"$@\"\n";
}

std::string fish_completion(CLI::App const& app) {
    std::string text = "# fish completion of possync; made by `possync generate fish`.\n";
    auto const add_options = [&](CLI::App const& of, std::string const& condition) {
        for (auto const* option : options_of(of)) {
            if (option->get_positional()) continue;
            std::string line = "complete -c possync" + condition;
            for (auto const& name : option->get_snames())
                line += " -s " + name;
            for (auto const& name : option->get_lnames())
                line += " -l " + name;
            if (takes_value(*option)) line += " -r";
            text += line + " -d " + in_shell_quotes(one_line(option->get_description())) + "\n";
        }
    };
    walk(app, "", [&](std::string const& words, CLI::App const& each) {
        std::string condition;
        if (!words.empty()) {
            std::string seen;
            std::istringstream parts(words);
            for (std::string part; parts >> part;)
                seen += (seen.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + part);
            condition = " -n " + in_shell_quotes(seen);
        }
        auto const commands = commands_of(each);
        if (!commands.empty()) {
            std::vector<std::string> names;
            for (auto const* command : commands)
                names.push_back(command->get_name());
            std::string const none = "not __fish_seen_subcommand_from " + joined(names, " ");
            std::string seen = none;
            if (!words.empty()) seen = "__fish_seen_subcommand_from " + words + "; and " + none;
            for (auto const* command : commands) {
                text += fmt::format("complete -c possync -f -n {} -a {} -d {}\n", in_shell_quotes(seen), command->get_name(),
                                    in_shell_quotes(one_line(command->get_description())));
            }
        }
        add_options(each, condition);
    });
    return text;
}

namespace {

/// The innermost command that was parsed; the program itself where none was.
CLI::App const& parsed_command(CLI::App const& app) {
    auto const parsed = app.get_subcommands();
    return parsed.empty() ? app : parsed_command(*parsed.front());
}

/// CLI11's words where they are not for people.
std::string in_plain_words(CLI::ParseError const& error) {
    std::string text = error.what();
    constexpr std::string_view no_number = "Could not convert: ";
    if (text.starts_with(no_number)) return text.substr(no_number.size()) + " is no number";
    if (auto const at = text.find(": 1 required "); at != std::string::npos && text.ends_with(" missing")) return text.substr(0, at) + " needs a value";
    if (auto const at = text.find(": Value "); at != std::string::npos) text.replace(at, 8, ": ");
    // Check x value in {gateway->0,utc->1} OR {0,1} FAILED
    text = std::regex_replace(text, std::regex("Check (.*) value in (\\{.*\\}) OR .* FAILED"), "$1 not in $2");
    text = std::regex_replace(text, std::regex("->[0-9]+"), "");
    if (auto const at = text.find(" not in "); at != std::string::npos) text.replace(at, 8, " is not in ");
    return text;
}

}  // namespace

std::string command_words(CLI::App const& app) {
    std::string words;
    for (auto const* command = &parsed_command(app); command != &app; command = command->get_parent()) {
        words = command->get_name() + (words.empty() ? "" : " ") + words;
    }
    return words;
}

std::string usage_error(CLI::App const& app, CLI::ParseError const& error) {
    CLI::App const* const command = &parsed_command(app);
    std::string const name = command_words(app);
    std::string const whole = name.empty() ? "possync" : "possync " + name;
    std::string const help = fmt::format("see {} --help", whole);
    auto const meant = [](std::string const& word, std::vector<std::string> const& known) {
        auto const guess = nearest(word, known, 2);
        return guess.empty() ? "" : fmt::format("; is {} meant?", guess);
    };
    auto const unexpected = app.remaining(true);
    bool const leads_on = command->get_require_subcommand_min() > 0 && (error.get_name() == "RequiredError" || !unexpected.empty());
    if (!unexpected.empty() && unexpected.front().starts_with('-')) {
        auto const word = unexpected.front().substr(0, unexpected.front().find('='));
        std::vector<std::string> known;
        for (auto const* at = command; at != nullptr; at = at->get_parent()) {
            for (auto const* option : options_of(*at)) {
                auto const names = spellings(*option);
                known.insert(known.end(), names.begin(), names.end());
            }
        }
        return query::printable(fmt::format("{} has no option {}{}; {}", whole, word, meant(word, known), help));
    }
    if (leads_on && unexpected.empty()) return fmt::format("say what it is to do: {} COMMAND; {} --help lists the commands", whole, whole);
    if (leads_on) {
        std::vector<std::string> known;
        for (auto const* each : commands_of(*command)) known.push_back(each->get_name());
        return query::printable(fmt::format("there is no command {}{}{}{}; {} --help lists them", name, name.empty() ? "" : " ", unexpected.front(),
                                            meant(unexpected.front(), known), whole));
    }
    if (!unexpected.empty()) return query::printable(fmt::format("{} does not take '{}'; {}", name, unexpected.front(), help));
    return query::printable(fmt::format("{}{}{}; {}", name, name.empty() ? "" : ": ", in_plain_words(error), help));
}

}  // namespace possync::app
