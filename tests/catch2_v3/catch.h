// The tests' one way to Catch2; CMake puts the folder of the installed version on the path.
#pragma once
#include <catch2/catch_all.hpp>
using Catch::Approx;
