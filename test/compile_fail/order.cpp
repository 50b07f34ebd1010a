// must fail: PlaceOrder
// There is no message that trades.
#include "tws/encode.hpp"

int main() {
    std::string out;
    possync::tws::encode(out, possync::tws::OutgoingMessage(possync::tws::RequestPositions{}), 200);
#ifdef FORBIDDEN
    possync::tws::encode(out, possync::tws::OutgoingMessage(possync::tws::PlaceOrder{}), 200);
#endif
    return out.empty();
}
