"""Pictures sent in a chat become files of the repair, without anybody doing anything."""
