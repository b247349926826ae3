// SPDX-License-Identifier: GPL-2.0-or-later
//
// Calibration: how slow this machine is now, and so how far every deadline has to be stretched.
#pragma once

#include <string>

namespace harness
{

struct Calibration {
    /// At least 1: a fast machine does not shorten deadlines.
    double factor;
    /// For the report: what was measured and assumed.
    std::string reason;
};

/// Times a piece of work of a few milliseconds several times over, and takes into account how many busy processes the
/// run itself will have: two VMs a job, and those of --stress.
Calibration calibrate(unsigned jobs, unsigned stress);

} // namespace harness
