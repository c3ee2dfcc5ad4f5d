-- What became part of the vocabulary with keys that follow each other.

INSERT INTO audit.event_name (name, writers) VALUES
    ('privacy.keys_erased', '{web}'),
    ('privacy.master_changed', '{web}');
