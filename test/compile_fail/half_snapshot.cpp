// must fail: CompleteSnapshot
// Nobody but the assembler can make a complete snapshot.
#include "model/observation.hpp"

int main() {
    possync::model::Observation observation;
#ifdef FORBIDDEN
    observation.snapshot = possync::model::CompleteSnapshot();
#endif
    return observation.snapshot ? 1 : 0;
}
