/* SPDX-License-Identifier: Apache-2.0
 * commands: the table of weigatectl's commands; the parser, --help and the manual page follow it. */
#include "ctl/ctl.h"

const struct ctl_command ctl_commands[] = {
    {"config", "check", NULL, 0, "check the configuration, the files it names and the storage plugin", config_check_run},
    {"config", "show", NULL, CTL_BIT(CTL_JSON) | CTL_BIT(CTL_RUNNING),
     "show every option with its value; --running: as the service has it", config_show_run},
    {"config", "sample", NULL, 0, "print a configuration file with every option explained", config_sample_run},
    {"keys", "new", NULL, 0, "make the keys file, with one key; an existing one is left alone", keys_new_run},
    {"keys", "rotate", NULL, 0, "put a new key first and keep the others, so that what they sealed still opens", keys_rotate_run},
    {"status", NULL, NULL, CTL_BIT(CTL_JSON), "show the running service: workers, store, accounts, last reload", status_run},
    {"reload", NULL, NULL, 0, "let the running service read its configuration anew, and wait until it has", reload_run},
    {"people", "list", NULL,
     CTL_BIT(CTL_JSON) | CTL_BIT(CTL_PLAIN) | CTL_BIT(CTL_ACCOUNT) | CTL_BIT(CTL_LIMIT) | CTL_BIT(CTL_OUTPUT) |
         CTL_BIT(CTL_PLUGIN),
     "list stored people", people_list_run},
    {"people", "show", "OPENID", CTL_BIT(CTL_JSON) | CTL_BIT(CTL_ACCOUNT) | CTL_BIT(CTL_PLUGIN), "show one stored person",
     people_show_run},
    {"people", "export", NULL,
     CTL_BIT(CTL_FORMAT) | CTL_BIT(CTL_OUTPUT) | CTL_BIT(CTL_ACCOUNT) | CTL_BIT(CTL_LIMIT) | CTL_BIT(CTL_ERASED) |
         CTL_BIT(CTL_PLUGIN),
     "write out stored people whole, so that people import can read them back; tokens stay", people_export_run},
    {"people", "import", "FILE|-",
     CTL_BIT(CTL_FORMAT) | CTL_BIT(CTL_ACCOUNT) | CTL_BIT(CTL_RATE) | CTL_BIT(CTL_DRY_RUN) | CTL_BIT(CTL_OBSERVED_AT) |
         CTL_BIT(CTL_FROM_LINE) | CTL_BIT(CTL_FIELD) | CTL_BIT(CTL_PLUGIN),
     "store people from a file of people export or from another system's table of WeChat users", people_import_run},
    {"plugins", "list", NULL, CTL_BIT(CTL_JSON), "list the storage plugins that are installed", plugins_list_run},
    {"plugins", "describe", "PLUGIN", CTL_BIT(CTL_JSON), "show what a plugin says of itself and the options it takes",
     plugins_describe_run},
    {"plugins", "check", "[PLUGIN]",
     CTL_BIT(CTL_OPTION) | CTL_BIT(CTL_LEVEL) | CTL_BIT(CTL_SEED) | CTL_BIT(CTL_ONLY) | CTL_BIT(CTL_FRESH) | CTL_BIT(CTL_SOAK) |
         CTL_BIT(CTL_LIST_ALL) | CTL_BIT(CTL_JSON),
     "hold a plugin against everything that <weigate/storage.h> promises, in scratch stores", plugins_check_run},
    {"people", "erase", "OPENID", CTL_BIT(CTL_ACCOUNT) | CTL_BIT(CTL_YES),
     "erase one person for good: profile, tokens, sessions; sign-ins stay as numbers", people_erase_run},
    {"sessions", "revoke", "[OPENID]", CTL_BIT(CTL_ALL) | CTL_BIT(CTL_ACCOUNT) | CTL_BIT(CTL_YES),
     "end the sessions of one person or of all within 5 s, on every worker and host", sessions_revoke_run},
    {"doctor", NULL, NULL, CTL_BIT(CTL_ACCOUNT) | CTL_BIT(CTL_NGINX) | CTL_BIT(CTL_JSON),
     "look at everything between a visitor and the store, say what is wrong, and what to do about it", doctor_run},
    {"refresh", NULL, NULL,
     CTL_BIT(CTL_ACCOUNT) | CTL_BIT(CTL_OLDER_THAN) | CTL_BIT(CTL_RATE) | CTL_BIT(CTL_LIMIT) | CTL_BIT(CTL_DRY_RUN) |
         CTL_BIT(CTL_JSON),
     "pull stale profiles from WeChat again, with the tokens that are stored", refresh_run},
    {"storage", "init", NULL, CTL_BIT(CTL_PLUGIN),
     "create or upgrade the tables of the storage plugin; what is there already stays", storage_init_run},
    {"storage", "spool", NULL, CTL_BIT(CTL_JSON) | CTL_BIT(CTL_RETRY),
     "show what waits for the store and what was set aside; --retry: put that back in line", storage_spool_run},
    {"storage", "plan", NULL, CTL_BIT(CTL_PLUGIN) | CTL_BIT(CTL_OUTPUT),
     "print what storage init would do, for who applies it by hand", storage_plan_run},
    {"storage", "maintain", NULL, CTL_BIT(CTL_DRY_RUN) | CTL_BIT(CTL_JSON) | CTL_BIT(CTL_PLUGIN),
     "do the store's upkeep and drop what is past its time; once a day, by the shipped timer or cron", storage_maintain_run},
    {"storage", "erasures", NULL, CTL_BIT(CTL_OUTPUT) | CTL_BIT(CTL_PLUGIN),
     "write out the marks that erasures left, to be kept beside backups", storage_erasures_run},
    {"storage", "replay-erasures", "FILE|-", CTL_BIT(CTL_PLUGIN),
     "erase anew, in a store that was restored from a backup, whom that file says", storage_replay_erasures_run},
    {"privacy", "export", "OPENID", CTL_BIT(CTL_ACCOUNT) | CTL_BIT(CTL_OUTPUT) | CTL_BIT(CTL_PLUGIN),
     "write out everything that is stored of one person, as one JSON object", privacy_export_run},
    {"storage", "copy", NULL, CTL_BIT(CTL_FROM) | CTL_BIT(CTL_TO) | CTL_BIT(CTL_RATE) | CTL_BIT(CTL_RESTART) | CTL_BIT(CTL_JSON),
     "copy everything of one store into another, while both may be in use; goes on where it was stopped", storage_copy_run},
    {"storage", "verify", NULL, CTL_BIT(CTL_FROM) | CTL_BIT(CTL_TO) | CTL_BIT(CTL_RATE) | CTL_BIT(CTL_JSON),
     "compare two stores record by record", storage_verify_run},
};
const size_t ctl_commands_count = sizeof ctl_commands / sizeof ctl_commands[0];
