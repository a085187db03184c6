package main

import (
	"fmt"
	"log/slog"

	"github.com/eskerdb/esker/cmd/esker/settings"
	"github.com/eskerdb/esker/database"
	"github.com/eskerdb/esker/server"
)

// doorOf says who may come into a server.
func doorOf(n *settings.Network, db *database.Database, shown *certificates) server.Door {
	door := n.Door
	if n.Auth() {
		door.Logins = db
	}
	if shown != nil {
		door.TLS = shown.config()
	}
	return door
}

// firstSuperuser makes the superuser of the settings if clients must log in and nobody is one.
func firstSuperuser(set *settings.Server, db *database.Database, logger *slog.Logger) error {
	switch {
	case !set.Network.Auth():
		if set.Superuser.Name != "" {
			logger.Warn("superuser is ignored: without --auth nobody logs in")
		}
		return nil
	case db.HasSuperuser():
		return nil
	case set.Superuser.Name == "":
		logger.Warn("nobody can log in yet: stop the server and run `esker admin create-superuser NAME --data " + set.Data +
			"`, or start it with ESKER_SUPERUSER and ESKER_SUPERUSER_PASSWORD_FILE")
		return nil
	}
	password, err := secretOf(set.Superuser.PasswordFile)
	if err != nil {
		return fmt.Errorf("superuser_password_file: %w", err)
	}
	if err := db.CreateSuperuser(set.Superuser.Name, password); err != nil {
		return fmt.Errorf("superuser %s: %w", set.Superuser.Name, err)
	}
	logger.Info("the first superuser was made", "name", set.Superuser.Name)
	return nil
}
