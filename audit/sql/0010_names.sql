-- The keeper gives away what lies on the desk of somebody whose absence begins.

INSERT INTO audit.event_name (name, writers) VALUES
    ('action.assigned', '{web,router}')
    ON CONFLICT (name) DO UPDATE SET writers = excluded.writers;
