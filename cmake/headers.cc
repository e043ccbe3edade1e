// Nothing: a target that precompiles headers must have a file (cmake/HearthHeaders.cmake).
