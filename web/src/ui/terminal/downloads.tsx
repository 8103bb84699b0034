import Download from 'lucide-react/icons/download';
import { Menu } from '../menu';

/** Saves a file that the server names. */
function save(path: string): void {
  const link = document.createElement('a');
  link.href = path;
  link.download = '';
  link.click();
}

/** The output as a file: to be read anywhere, or as the terminal had it. */
export function Downloads({ job }: { job: number }) {
  const path = `/api/jobs/${job}/output.txt`;
  return (
    <Menu
      label="Download the output"
      small
      trigger={<Download size={15} aria-hidden />}
      items={[
        { label: 'Plain text', onSelect: () => save(path) },
        { label: 'With its colours, for a terminal', onSelect: () => save(`${path}?colours=yes`) },
      ]}
    />
  );
}
