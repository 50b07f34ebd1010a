// FlexReader: the bytes of a Flex statement file in, one model::Statement after the other out.
//
// Streaming: a statement is handed over when its </FlexStatement> is read and forgotten then, so a file of many days or accounts
// is never held whole. Bytes may come in pieces of any size. The first error ends the reading; it names file, line and column and
// what to do, and every later call answers the same. A DTD is refused, so nothing can be expanded.
//
// What a row must have to count (conid, quantity, price, a date) is required: a row that moves a position and cannot be keyed
// would make every later figure of its instrument wrong, and which instrument nobody could tell. Such a row is an error, not a
// remainder; the query can be given the field and run again for any past period. What is merely unknown (new sections, new
// attributes) is kept as remainders, at most `remainders_max` of a statement and a last one that counts the rest.
//
// No call to the operating system; not thread-safe, one reader reads one file.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "model/statement.hpp"

namespace possync::statement {

inline constexpr std::size_t remainders_max = 100;

struct FlexOptions {
    std::string source;                     ///< file name, for messages and Statement::source
    std::string zone = "America/New_York";  ///< of every time in the file
};

class FlexReader {
public:
    /// An error of the sink ends the reading with that error.
    using Sink = std::function<base::Result<void>(model::Statement)>;

    /// `zones` must outlive the reader.
    FlexReader(FlexOptions options, base::ZoneRules const& zones, Sink sink);
    ~FlexReader();
    FlexReader(FlexReader const&) = delete;
    FlexReader& operator=(FlexReader const&) = delete;

    /// Errors: invalid_input for what cannot be read, unavailable for the web service's own answer that there is no statement
    /// (yet).
    [[nodiscard]] base::Result<void> feed(std::string_view bytes);
    /// The file is at its end: what is still open then was cut off.
    [[nodiscard]] base::Result<void> finish();
    /// Handed over so far.
    [[nodiscard]] int statements() const;

private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace possync::statement
