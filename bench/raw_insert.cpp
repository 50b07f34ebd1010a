// The floor of what a sync wrote, as a program: writes the rows of AFTER.db that BEFORE.db does not have (none: all of them) into
// TARGET.db by bare prepared statements in one transaction. Prints rows and milliseconds of the transaction.
// usage: raw_insert AFTER.db TARGET.db [BEFORE.db]
#include <cstdio>

#include "raw_rows.hpp"

int main(int count, char** words) {
    if (count < 3) return 2;
    possync::bench::RawRows const raw(words[1], count > 3 ? words[3] : "");
    double const milliseconds = raw.write(words[2]);
    std::printf("%ld %.3f\n", raw.rows(), milliseconds);
    return 0;
}
