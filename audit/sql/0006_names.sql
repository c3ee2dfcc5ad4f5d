-- What became part of the vocabulary with retention.

INSERT INTO audit.event_name (name, writers) VALUES
    ('retention.changed', '{web}');
