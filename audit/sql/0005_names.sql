-- What became part of the vocabulary later.

INSERT INTO audit.event_name (name, writers) VALUES
    ('action.tagged', '{web}');
