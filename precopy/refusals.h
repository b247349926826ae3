// SPDX-License-Identifier: GPL-2.0-or-later
//
// Refusal: a command that QEMU must refuse, as data: in which state, on which side, and with which words.
#pragma once

#include <string>
#include <vector>

#include "procedures.h"

namespace precopy
{

struct Refusal {
    /// Of the case, below /migration/refused/.
    std::string name;
    std::string command;
    Json arguments;
    /// All of them are in the error's text. The name of a parameter is spelt with '_' in some versions, '-' in others.
    std::vector<std::string> parts;
    std::vector<Need> needs = {};

    enum class When {
        idle,      // the target waits for migrate-incoming
        listening, // the target listens
        active,    // held back, some pages were sent
        completed,
    };
    When when = When::idle;
    bool on_target = false;
    /// What the side that is to refuse has.
    MigrationPair::Side with = {};
    migration::Memory memory = migration::Memory::anonymous;
    /// Its VM could not migrate at all.
    bool blocked = false;
};

/// Of migrate-set-capabilities and migrate-set-parameters, while there is no migration.
std::vector<Refusal> settings_refused();
/// Of everything else.
std::vector<Refusal> commands_refused();

/// What migrate-set-capabilities takes.
Json capabilities(const std::vector<std::string>& names, bool state = true);

} // namespace precopy
