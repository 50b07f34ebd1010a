// must fail: Secret
// A secret cannot be printed.
#include <iostream>

#include "base/secret.hpp"

int main() {
    possync::base::Secret const secret("x");
#ifdef FORBIDDEN
    std::cout << secret;
#endif
    return secret.empty();
}
