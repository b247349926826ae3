// SPDX-License-Identifier: GPL-2.0-or-later
#include "calibration.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include <fmt/format.h>
#include <glib.h>

namespace harness
{

namespace
{

using Milliseconds = std::chrono::duration<double, std::milli>;

/// One piece of work on a machine that deadlines were chosen for: measured on two cores of an x86-64 server of 2023,
/// nothing else running.
constexpr Milliseconds usual{4.0};
/// Less than this is noise.
constexpr double least_factor = 1.5;
constexpr double greatest_factor = 20;

Milliseconds time_one_piece()
{
    static const std::vector<guchar> bytes(1 << 20, 0x5a);
    const auto begin = std::chrono::steady_clock::now();
    g_free(g_compute_checksum_for_data(G_CHECKSUM_SHA256, bytes.data(), bytes.size()));
    return std::chrono::steady_clock::now() - begin;
}

} // namespace

Calibration calibrate(unsigned jobs, unsigned stress)
{
    std::vector<Milliseconds> pieces;
    for (int i = 0; i < 7; i++)
        pieces.push_back(time_one_piece());
    std::nth_element(pieces.begin(), pieces.begin() + 3, pieces.end());
    const double slowness = std::clamp(pieces[3] / usual, 1.0, greatest_factor);
    const unsigned cores = g_get_num_processors();
    const double share = std::max(1.0, (2.0 * jobs + stress) / cores);
    const double measured = slowness < least_factor ? 1 : slowness;
    return {measured * share,
            fmt::format("calibration {:.1f} ms (usual {:.1f}), {} busy processes on {} core{}", pieces[3].count(),
                        usual.count(), 2 * jobs + stress, cores, cores == 1 ? "" : "s")};
}

} // namespace harness
